"""Measurements against named peers in the same run; `scripts/bench` is their front desk."""
