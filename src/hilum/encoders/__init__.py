"""Networks from images to features, their weights, and which of their blocks train."""
