"""Real repositories on disk, and git over smart HTTP in front of them."""
