"""Data sets: manifests, labels, splits, decoding, preprocessing, image stores and batches."""
