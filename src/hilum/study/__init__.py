"""One file describes a whole comparison; one command runs it."""
