"""A face that prints: every command is a client of the local door, and says in one line what to do when it fails."""
