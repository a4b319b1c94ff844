"""Explanation of models: heat maps, localisation scores against boxes, and embeddings of features."""
