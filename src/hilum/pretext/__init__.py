"""Pretraining without labels; one file a method."""
