"""Logs: appended by the line, read in pieces whatever their size, followed as they grow."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nanoscale_box.adapters.folders import Folders, private_folder
from nanoscale_box.adapters.logs import FileLogs, LogPiece
from nanoscale_box.core.errors import Code, Unavailable
from nanoscale_box.core.model import DeploymentId, LogKind, ProjectId, Release

RELEASE = Release(project_id=ProjectId("prj_1"), deployment_id=DeploymentId("dep_1"))


class Noon:
    """A clock that stands."""

    def now(self) -> datetime:
        """Noon."""
        return datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """An empty home."""
    return Folders(tmp_path / "home")


@pytest.fixture
def logs(folders: Folders) -> FileLogs:
    """The logs of that home."""
    return FileLogs(folders, Noon())


def said(piece: LogPiece) -> list[str]:
    """The lines' texts."""
    return [line.text for line in piece.lines]


def app_says(folders: Folders, raw: bytes) -> None:
    """Append to the run log as an app does."""
    private_folder(folders.run_log(RELEASE).parent)
    with open(folders.run_log(RELEASE), "ab") as file:
        file.write(raw)


def test_build_lines_are_kept_with_their_time(folders: Folders, logs: FileLogs) -> None:
    assert logs.read(RELEASE, LogKind.BUILD) == LogPiece(lines=[], next_offset=0, complete=False)
    logs.build_line(RELEASE, "one")
    logs.build_line(RELEASE, "two\nforged\r\nlines")
    first = logs.read(RELEASE, LogKind.BUILD)
    assert said(first) == ["2026-01-02T12:00:00Z one", "2026-01-02T12:00:00Z two forged lines"]
    assert not first.complete
    assert first.next_offset == first.lines[-1].after == folders.build_log(RELEASE).stat().st_size
    assert said(logs.read(RELEASE, LogKind.BUILD, first.lines[0].after)) == said(first)[1:]
    logs.close(RELEASE)
    logs.close(RELEASE)
    assert logs.read(RELEASE, LogKind.BUILD, first.next_offset) == LogPiece(
        lines=[], next_offset=first.next_offset, complete=True
    )
    assert folders.build_log(RELEASE).stat().st_mode & 0o777 == 0o600
    logs.build_line(RELEASE, "an attempt later")
    assert not logs.read(RELEASE, LogKind.BUILD).complete
    logs.close(RELEASE)


def test_what_an_app_says_is_inert_and_redacted(folders: Folders, logs: FileLogs) -> None:
    app_says(folders, b"\x1b[2J[/foo] ghp_0123456789abcdefghij\n\xff\x00\r\n50%\r100%\nnot ended")
    piece = logs.read(RELEASE, LogKind.RUN)
    assert said(piece) == ["[/foo] ****", "\N{REPLACEMENT CHARACTER}\N{SYMBOL FOR NULL}", "100%"]
    app_says(folders, b" yet\n")
    assert said(logs.read(RELEASE, LogKind.RUN, piece.next_offset)) == ["not ended yet"]


def test_a_file_of_any_size_opens_at_once(folders: Folders, logs: FileLogs) -> None:
    app_says(folders, b"x" * 10_000_000 + b"\n" + b"".join(b"line %d\n" % number for number in range(2_000_000)))
    began = time.thread_time()
    tail = logs.tail(RELEASE, LogKind.RUN, 2)
    assert said(tail) == ["line 1999998", "line 1999999"]
    assert time.thread_time() - began < 0.5
    assert said(logs.read(RELEASE, LogKind.RUN, tail.lines[0].after)) == ["line 1999999"]
    offset = pieces = 0
    while not said(piece := logs.read(RELEASE, LogKind.RUN, offset))[-1].startswith("line"):
        assert piece.next_offset > offset
        offset, pieces = piece.next_offset, pieces + 1
    assert pieces == 10_000_000 // (256 * 1024)
    assert said(piece)[1] == "line 0"


def test_a_private_key_is_masked_wherever_reading_begins(folders: Folders, logs: FileLogs) -> None:
    lines = [
        "before",
        "-----BEGIN RSA PRIVATE KEY-----",
        "MIIEowIBAAKC",
        "q83vEjRWeJ",
        "-----END RSA PRIVATE KEY-----",
        "after",
    ]
    app_says(folders, "\n".join([*lines, ""]).encode())
    whole = logs.read(RELEASE, LogKind.RUN)
    assert said(whole) == ["before", "****", "****", "****", "****", "after"]
    for number, line in enumerate(whole.lines):
        assert said(logs.read(RELEASE, LogKind.RUN, line.after)) == said(whole)[number + 1 :]


def test_an_offset_beyond_the_end_begins_anew(folders: Folders, logs: FileLogs) -> None:
    app_says(folders, b"a\nb\n")
    assert said(logs.read(RELEASE, LogKind.RUN, 10_000)) == ["a", "b"]
    assert said(logs.read(RELEASE, LogKind.RUN, -5)) == ["a", "b"]
    assert said(logs.tail(RELEASE, LogKind.RUN, 0)) == []


async def test_following_gives_each_line_once_and_ends_with_the_build(logs: FileLogs) -> None:
    seen: list[str] = []

    async def follow() -> None:
        seen.extend([line.text.partition(" ")[2] async for line in logs.follow(RELEASE, LogKind.BUILD)])

    following = asyncio.create_task(follow())
    for number in range(1000):
        logs.build_line(RELEASE, str(number))
        if number % 50 == 0:
            await asyncio.sleep(0.001)
    logs.close(RELEASE)
    await asyncio.wait_for(following, 5)
    assert seen == [str(number) for number in range(1000)]


async def test_following_a_run_log_sees_what_comes_and_rests_meanwhile(folders: Folders, logs: FileLogs) -> None:
    app_says(folders, b"before\n")
    lines = logs.follow(RELEASE, LogKind.RUN)
    assert (await asyncio.wait_for(anext(lines), 5)).text == "before"
    began = time.process_time()
    waiting = asyncio.ensure_future(anext(lines))
    await asyncio.sleep(0.5)
    assert time.process_time() - began < 0.1
    app_says(folders, b"after\n")
    assert (await asyncio.wait_for(waiting, 5)).text == "after"
    await lines.aclose()


async def test_a_follower_that_leaves_is_forgotten(logs: FileLogs) -> None:
    async def follow() -> None:
        async for _ in logs.follow(RELEASE, LogKind.BUILD):
            raise AssertionError("nothing was said")

    following = asyncio.create_task(follow())
    await asyncio.sleep(0.05)
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following
    assert logs._followers == {}


def test_a_full_disk_is_a_sentence(folders: Folders, logs: FileLogs) -> None:
    private_folder(folders.build_log(RELEASE).parent)
    logs.build_line(RELEASE, "first")
    with open("/dev/full", "wb", buffering=0) as full:
        real, logs._open[RELEASE] = logs._open[RELEASE], full.fileno()
        with pytest.raises(Unavailable) as caught:
            logs.build_line(RELEASE, "x")
        logs._open[RELEASE] = real
    assert caught.value.code is Code.DISK_FULL
    logs.close(RELEASE)


async def test_a_log_without_end_is_cut_where_no_reader_notices(folders: Folders, logs: FileLogs) -> None:
    numbered = b"".join(b"%07d\n" % number for number in range(200_000))
    app_says(folders, numbered)
    path = folders.run_log(RELEASE)
    before = logs.read(RELEASE, LogKind.RUN, len(numbered) - 80)
    await logs.bound(most=1_000_000)
    assert path.stat().st_size == len(numbered)
    assert path.stat().st_blocks * 512 <= 700_000
    assert logs.read(RELEASE, LogKind.RUN, len(numbered) - 80) == before
    first = logs.read(RELEASE, LogKind.RUN, 0).lines[0]
    assert len(first.text) == 7
    assert first.after == (int(first.text) + 1) * 8
    app_says(folders, b"and on\n")
    assert said(logs.tail(RELEASE, LogKind.RUN, 2)) == ["0199999", "and on"]
    await logs.bound(most=1_000_000)
    assert logs.read(RELEASE, LogKind.RUN, 0).lines[0] == first
