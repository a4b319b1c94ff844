"""Where a model looks, scored against where the finding is; and what its features hold."""
