"""Studies: comparisons of models that are described by one file and run by one command."""
