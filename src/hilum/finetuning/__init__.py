"""From an encoder and labelled images to scores."""
