"""The one training loop: precision, devices, schedules, checkpoints, curves."""
