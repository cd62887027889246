"""How much of what could be tried for ever is tried: a factor, one on a developer's machine and in CI."""

from __future__ import annotations

import os
from typing import Final

_GIVEN: Final = os.environ.get("NANOSCALE_TEST_SIZE", "")
LARGE: Final = _GIVEN in {"large", "full"} or (_GIVEN.isdigit() and int(_GIVEN) > 1)
"""Whether somebody asked for more."""
SIZE: Final = max(1, int(_GIVEN)) if _GIVEN.isdigit() else 25 if LARGE else 1
"""`NANOSCALE_TEST_SIZE`: a number, or `large` (25), or anything else for one."""
