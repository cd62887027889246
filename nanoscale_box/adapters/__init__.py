"""What we can do to the world: one library, one file."""
