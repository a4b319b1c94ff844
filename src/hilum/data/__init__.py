"""From native files to batches: manifests, labels, splits, pixels, stores."""
