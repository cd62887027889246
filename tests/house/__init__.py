"""Tests that hold the house itself: its walls, its budgets and its hygiene."""
