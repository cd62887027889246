"""A real systemd in its own namespaces, with the box installed in it as an owner installs it."""
