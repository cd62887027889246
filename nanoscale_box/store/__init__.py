"""What the box remembers: one SQLite file, one writer, a module per aggregate."""
