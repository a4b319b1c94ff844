"""Networks from films to features, their weights, and which of their blocks train."""
