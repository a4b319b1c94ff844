"""Single runs without a study: the functions behind the Python API and the commands."""
