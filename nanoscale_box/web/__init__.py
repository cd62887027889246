"""The two doors: the public one with a handful of routes, and the local one with the whole API."""
