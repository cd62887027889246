"""The seam at which builds and apps are set apart from the rest of the machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

Isolate = Callable[[Sequence[str], Sequence[Path]], Sequence[str]]
"""Wraps an argv so that the command sees little of the machine and writes to the given folders only."""


def not_isolated(argv: Sequence[str], writable: Sequence[Path]) -> Sequence[str]:
    """The command as it is."""
    return argv
