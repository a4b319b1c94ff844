"""Single runs without a study: pretraining, pools, probes."""
