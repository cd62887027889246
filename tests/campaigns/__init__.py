"""Proofs by force: a real box is killed, or loses its power, again and again while pushes come in."""
