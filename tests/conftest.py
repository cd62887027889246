"""What every test stands on: no setting of the person who runs the tests reaches them."""

from __future__ import annotations

import os

import pytest

KEPT = "NANOSCALE_TEST_REQUIRE"


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the box's own variables out of the environment, so that a test sees only those it sets."""
    for name in [name for name in os.environ if name.startswith("NANOSCALE_") and name != KEPT]:
        monkeypatch.delenv(name)
