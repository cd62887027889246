"""Which tests go to which worker, and in which order: together what shares something dear, first what is longest.

pytest-xdist's own mark for it, `xdist_group`, is not heard: it changes a test's id in a way that pytest 9.1 and newer
do not look at, and nothing says so. Here a test's file decides.
"""

from __future__ import annotations

import os
from typing import Final
from uuid import uuid4

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

RUN: Final = os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid4().hex)
"""What all workers of a run call it, and no other run."""

TOGETHER: Final = {
    "tests/machine/": "machine",  # one boot, one installation
    "tests/browser/": "browser",  # one Chromium
}
"""How the paths begin of tests that one worker runs, one after the other."""

FIRST: Final = ("tests/machine/", "tests/browser/", "tests/campaigns/", "tests/e2e/")
"""What takes long, longest first: begun last, it would have one worker wait for the other."""


class Dealing(LoadScopeScheduling):  # type: ignore[misc] # ships no types
    """Deals by group; a test of no group is one by itself."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def group_of(nodeid: str) -> str:
    """What is dealt as one."""
    return next((group for path, group in TOGETHER.items() if nodeid.startswith(path)), nodeid)


def turn_of(nodeid: str) -> int:
    """Where a test stands in line; equal ones stay in the order they have."""
    return next((turn for turn, path in enumerate(FIRST) if nodeid.startswith(path)), len(FIRST))


def once_a_run(what: str, folders: pytest.TempPathFactory) -> None:
    """Fails where a second worker of this run makes what all tests share."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        folders.getbasetemp().with_name(f"{what} of {RUN}").touch(exist_ok=False)
