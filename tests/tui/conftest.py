"""The terminal UI on a box in memory, driven by keys."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from textual._context import visible_screen_stack
from textual.app import App
from textual.pilot import Pilot
from textual.strip import Strip

from nanoscale_box.tui.app import BoxApp
from tests.tui import samples
from tests.tui.fake_client import FakeClient, busy_box

Opened = Callable[..., AbstractAsyncContextManager[Pilot[None]]]
CONDITION_SECONDS = 10.0
LOOK_SECONDS = 0.02


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Moments in full are in the reader's time zone; here that is always the same one."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def box() -> FakeClient:
    """A box with something of everything."""
    return busy_box()


@pytest.fixture
def pages() -> list[str]:
    """Pages that were opened in the browser."""
    return []


@pytest.fixture
def opened(pages: list[str], tmp_path: Path) -> Opened:
    """Opens the UI on a box and waits until it shows what the box told."""

    @asynccontextmanager
    async def open_one(
        box: FakeClient, size: tuple[int, int] = (80, 24), environ: dict[str, str] | None = None
    ) -> AsyncIterator[Pilot[None]]:
        def browse(url: str) -> bool:
            pages.append(url)
            return True

        app = BoxApp(
            box, environ={"XDG_CONFIG_HOME": str(tmp_path)} | (environ or {}), now=lambda: samples.NOW, browse=browse
        )
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.desk.model.loaded)
            await pilot.pause(0.1)
            yield pilot

    return open_one


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    """Give the UI time until something is true of it, and still is after all that it was told by then.

    Most conditions paint the screen, in the UI's own time: it has at least as much between two looks."""
    told = True
    for _ in range(int(CONDITION_SECONDS / LOOK_SECONDS)):
        began = time.monotonic()
        if condition():
            if told:
                return
            await pilot.pause(0)
            told = True
            continue
        if pilot.app._exception is not None:
            raise pilot.app._exception
        await asyncio.sleep(max(LOOK_SECONDS, time.monotonic() - began))
        told = False
    raise AssertionError(f"was never seen; the screen says:\n{seen(pilot)}")


def seen(pilot: Pilot[None]) -> str:
    """What stands on the screen, as text."""
    return "\n".join("".join(segment.text for segment in strip) for strip in painted(pilot.app))


def painted(app: App[None]) -> list[Strip]:
    """The screen line by line, painted as Textual does: a dialog that is painted once without being told what lies
    beneath keeps that emptiness for later pictures."""
    visible_screen_stack.set(app._background_screens)
    return app.screen._compositor.render_strips()


def said(pilot: Pilot[None]) -> str:
    """What the toasts say."""
    return "\n".join(notification.message for notification in pilot.app._notifications)
