"""Training: loop, precision, distributed processes, optimisers, schedules, checkpoints."""
