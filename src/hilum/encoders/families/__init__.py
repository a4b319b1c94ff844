"""Families of architectures."""
