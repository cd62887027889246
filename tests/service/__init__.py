"""The installation, as far as it can be tried without a machine of its own; the rest is in tests/machine."""
