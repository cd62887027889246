"""Tests that mirror the rooms of the house; what they share lies beside this file."""
