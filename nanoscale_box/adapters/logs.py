"""Keeps what builds and apps print in files, and reads them back in pieces, whatever their size."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanoscale_box.adapters.folders import Folders, open_log, saying_disk_full
from nanoscale_box.adapters.lines import MAX_LINE_BYTES, text_of
from nanoscale_box.adapters.log_size import bound, first_byte
from nanoscale_box.core.model import LogKind, Release
from nanoscale_box.core.text import StreamRedactor, inert, redact
from nanoscale_box.engine.ports import Clock

PIECE: Final = 256 * 1024
_LINE: Final = 4000
_BEFORE: Final = 8 * 1024
"""How much is looked at before what is read: more than a private key has."""
_LOOK_SECONDS: Final = 0.1
MOST_RUN_LOG: Final = 64 * 1024 * 1024
"""Bytes an app's log may take before it is cut to half of that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line, and the offset behind it: reading goes on there."""

    after: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPiece:
    """Some lines of a log."""

    lines: list[LogLine]
    next_offset: int
    complete: bool
    """Nothing is left, and nothing will come."""


class FileLogs:
    """One file for each log. Build lines come clean; what an app says goes to its file directly and is cleaned in
    reading."""

    def __init__(self, folders: Folders, clock: Clock, redactor: Callable[[str], str] = redact) -> None:
        self._folders = folders
        self._clock = clock
        self._redactor = redactor
        self._open: dict[Release, int] = {}
        self._followers: dict[Release, set[asyncio.Event]] = {}

    def build_line(self, release: Release, line: str) -> None:
        """Append one line to the deployment's build log. `Unavailable` `disk_full` if there is no room."""
        with saying_disk_full():
            if release not in self._open:
                self._folders.build_log_end(release).unlink(missing_ok=True)
                self._open[release] = open_log(self._folders.build_log(release))
            at = self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
            left = f"{at} {' '.join(line.splitlines())}\n".encode(errors="replace")
            while left:
                left = left[os.write(self._open[release], left) :]
        self._wake(release)

    def close(self, release: Release) -> None:
        """The build log is complete."""
        opened = self._open.pop(release, None)
        if opened is not None:
            os.close(opened)
        os.close(open_log(self._folders.build_log_end(release)))
        self._wake(release)

    def read(self, release: Release, kind: LogKind, offset: int = 0, limit: int = PIECE) -> LogPiece:
        """The lines from `offset` on, about `limit` bytes of them; an offset beyond the end (the file was cut) begins
        anew."""
        complete = self._is_complete(release, kind)  # asked first: what is read afterwards holds the last line
        before, raw, start, size = _bytes(self._path(release, kind), max(offset, 0), limit)
        clean = self._cleaner(kind)
        for line in before.split(b"\n")[1:-1]:
            clean(text_of(line))  # a private key may have begun there
        return _piece(raw, start, size, complete, clean)

    def tail(self, release: Release, kind: LogKind, count: int) -> LogPiece:
        """The last `count` lines, as far as they lie in the last piece of the file."""
        path = self._path(release, kind)
        size = path.stat().st_size if path.exists() else 0
        start = max(0, size - PIECE)
        piece = self.read(release, kind, start, PIECE)
        lines = piece.lines[1:] if start else piece.lines  # the first one is cut
        kept = lines[-count:] if count > 0 else []
        return LogPiece(lines=kept, next_offset=piece.next_offset, complete=piece.complete)

    async def follow(self, release: Release, kind: LogKind, offset: int = 0) -> AsyncGenerator[LogLine, None]:
        """The lines from `offset` on as they come; ends when a build log is complete, and with a run log never."""
        news = asyncio.Event()
        followers = self._followers.setdefault(release, set())
        followers.add(news)
        try:
            while True:
                news.clear()
                piece = await asyncio.to_thread(self.read, release, kind, offset)
                offset = piece.next_offset
                for line in piece.lines:
                    yield line
                if piece.complete:
                    return
                if not piece.lines:
                    await _event_or_time(news, _LOOK_SECONDS)
        finally:
            followers.discard(news)
            if not followers and self._followers.get(release) is followers:
                del self._followers[release]

    async def bound(self, most: int = MOST_RUN_LOG) -> None:
        """Cut the logs of apps that print without end: their last lines stay."""
        await asyncio.to_thread(self._bound, most)

    def _bound(self, most: int) -> None:
        for path in self._folders.logs.glob("*/*.run.log"):
            bound(path, most=most, keep=most // 2)

    def _path(self, release: Release, kind: LogKind) -> Path:
        match kind:
            case LogKind.BUILD:
                return self._folders.build_log(release)
            case LogKind.RUN:
                return self._folders.run_log(release)

    def _is_complete(self, release: Release, kind: LogKind) -> bool:
        return kind is LogKind.BUILD and self._folders.build_log_end(release).exists()

    def _cleaner(self, kind: LogKind) -> Callable[[str], str]:
        if kind is LogKind.BUILD:
            return lambda line: line
        stream = StreamRedactor(self._redactor)
        return lambda line: stream.feed(inert(line, limit=_LINE))

    def _wake(self, release: Release) -> None:
        for news in self._followers.get(release, ()):
            news.set()


def _bytes(path: Path, offset: int, limit: int) -> tuple[bytes, bytes, int, int]:
    """What stands before, the bytes wanted, where they begin, and how long the file is; a file that is not there is
    empty."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            first = first_byte(file.fileno())
            start = offset if offset <= size else 0
            if start < first:
                file.seek(first)
                start = first + len(file.readline(MAX_LINE_BYTES))  # the first line is cut
            before = min(start - first, _BEFORE)
            file.seek(start - before)
            return file.read(before), file.read(max(limit, MAX_LINE_BYTES)), start, size
    except FileNotFoundError:
        return b"", b"", 0, 0


def _piece(raw: bytes, start: int, size: int, complete: bool, clean: Callable[[str], str]) -> LogPiece:
    """Cut bytes into lines. A last line without its end waits for it, unless nothing more comes or it alone is a whole
    piece."""
    *whole, rest = raw.split(b"\n")
    lines = []
    at = start
    for line in whole:
        at += len(line) + 1
        lines.append(LogLine(after=at, text=clean(text_of(line))))
    at_end = start + len(raw) >= size
    if rest and ((complete and at_end) or (not whole and not at_end)):
        at += len(rest)
        lines.append(LogLine(after=at, text=clean(text_of(rest))))
    return LogPiece(lines=lines, next_offset=at, complete=complete and at >= size)


async def _event_or_time(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
