"""From an encoder and labelled films to scores."""
