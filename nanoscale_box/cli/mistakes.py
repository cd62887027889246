"""What a command itself finds wrong, before or besides what the box says."""

from __future__ import annotations

from typing import Final

USAGE: Final = 2
FAILED: Final = 1


class Mistake(Exception):
    """Ends a command: `detail` says what is wrong, `hint` what to do next, `status` is the exit status."""

    def __init__(self, detail: str, hint: str, *, status: int = USAGE, code: str = "invalid") -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.status = status
        self.code = code


def not_there(detail: str, hint: str) -> Mistake:
    """What was named is not there, which is no mistake in the command line itself."""
    return Mistake(detail, hint, status=FAILED, code="not_found")
