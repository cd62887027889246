"""What every test stands on: nothing of how the person who runs the tests has set up things reaches them."""

from __future__ import annotations

import gc
import os
import signal

import pytest

from tests.dealing import Dealing, turn_of

KEPT = "NANOSCALE_TEST_REQUIRE"


def pytest_configure() -> None:
    """A shell has what it starts in the background ignore ctrl-c, and so would all that the tests start in turn."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The order that the workers of one run share; alone, tests run as they are found."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: turn_of(item.nodeid))


def pytest_collection_finish() -> None:
    """What was imported and collected stays until the end: looking through it for garbage in each test took a tenth of
    their time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Dealing:
    """How tests are dealt to the workers."""
    config.option.loadscopereorder = False  # the order is ours
    return Dealing(config, log)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the box's own variables out of the environment, so that a test sees only those it sets."""
    for name in [name for name in os.environ if name.startswith("NANOSCALE_") and name != KEPT]:
        monkeypatch.delenv(name)
