"""Tests of what is true: pure rules, tables and properties."""
