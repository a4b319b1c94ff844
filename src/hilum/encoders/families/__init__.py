"""One file for each family of architectures."""
