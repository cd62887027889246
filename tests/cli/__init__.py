"""Tests of the command line, before a real door."""
