"""The machine around the terminal."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.content import Content

from nanoscale_box.tui import around
from nanoscale_box.tui.qr import qr_code


@pytest.fixture
def screen(tmp_path: Path) -> dict[str, str]:
    """The environment of a desktop whose opener notes what it is given."""
    opener = tmp_path / "xdg-open"
    opener.write_text(
        f'#!/bin/sh\nprintf "%s" "$1" > {tmp_path}/opened.part && mv {tmp_path}/opened.part {tmp_path}/opened\n'
    )
    opener.chmod(0o755)
    return {"DISPLAY": ":0", "PATH": str(tmp_path)}


async def test_a_page_is_opened_where_there_is_a_screen(screen: dict[str, str], tmp_path: Path) -> None:
    assert around.browse("http://hello.localhost:8080", screen)
    async with asyncio.timeout(10):
        while not (tmp_path / "opened").exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.01)
    assert (tmp_path / "opened").read_text() == "http://hello.localhost:8080"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript:alert(1)", "-x", ""])
def test_only_web_pages_are_opened(screen: dict[str, str], tmp_path: Path, url: str) -> None:
    assert not around.browse(url, screen)
    assert not (tmp_path / "opened").exists()


@pytest.mark.parametrize("change", [{"DISPLAY": ""}, {"SSH_CONNECTION": "a 1 b 2"}, {"PATH": "/nowhere"}])
def test_without_a_screen_nothing_is_opened(screen: dict[str, str], change: dict[str, str]) -> None:
    assert around.opener(screen | change) is None
    assert not around.browse("http://hello.localhost:8080", screen | change)


def test_the_tunnel_for_pages_of_this_machine() -> None:
    page = "http://127.0.0.1:8787/api/integrations/github/app/new"
    assert around.tunnel(page, {}) is None
    assert around.tunnel(page, {"SSH_CONNECTION": "a 1 b 22", "USER": "ada"}) == "ssh -L 8787:127.0.0.1:8787 ada@b"
    assert around.tunnel(page, {"SSH_TTY": "/dev/pts/1"}) == "ssh -L 8787:127.0.0.1:8787 THIS-MACHINE"
    assert around.tunnel("https://box.example.org/x", {"SSH_TTY": "/dev/pts/1"}) is None


def test_a_code_is_square_with_a_quiet_zone() -> None:
    code = qr_code("http://127.0.0.1:8787/" + "x" * 100)
    lines = code.plain.splitlines()
    assert isinstance(code, Content)
    assert {len(line) for line in lines} == {len(lines[0])}
    assert abs(len(lines[0]) - 2 * len(lines)) <= 1
    assert set(lines[0]) == {"█"}
