"""Tests of the adapters, with real parts."""
