"""Runs on data sets without a model: ingest, doctor, preview."""
