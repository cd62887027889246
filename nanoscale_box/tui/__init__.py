"""The terminal UI: a client of the box's socket, and nothing else."""
