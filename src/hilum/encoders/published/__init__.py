"""Weights that others published: where they are, how they load, and whom they have seen."""
