"""Copies what apps print from their journal into their logs, also what they printed while no box ran."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections import OrderedDict
from typing import Any, Final

import msgspec
import structlog

from nanoscale_box.adapters import shell, systemd_units
from nanoscale_box.adapters.folders import Folders, open_log, write_whole
from nanoscale_box.core.errors import BoxError, Unavailable
from nanoscale_box.core.model import DeploymentId, ProjectId, Release

_log = structlog.stdlib.get_logger(__name__)
_LONGEST: Final = 4 * 1024 * 1024
"""Bytes of one record: a line of 48 KiB at most (journald.conf(5), LineMax=), with every byte written as a number."""
_PAUSE: Final = 1.0
_SAVE_SECONDS: Final = 1.0
_SETTLE_SECONDS: Final = 0.1
_LONGEST_WAIT: Final = 5.0
_MOST_OPEN: Final = 64


class UnitLogs:
    """One reader for all apps. Its place in the journal is kept in a file; the journal is bounded by its own size."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._place = folders.home / "journal.cursor"
        self._cursor: str | None = None
        self._saved = 0.0
        self._open: OrderedDict[Release, int] = OrderedDict()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to copy."""
        if self._place.exists():
            self._cursor = self._place.read_text(encoding="utf-8").strip() or None
        self._task = asyncio.create_task(self._run(), name="logs of units")

    async def close(self) -> None:
        """Stop; what is printed from now on is copied by the next box."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._save()
        while self._open:
            os.close(self._open.popitem()[1])

    async def caught_up(self) -> None:
        """Return once what was printed until now is copied, at most 5 s later: the last words of an app that ended are
        there then. The journal takes them in after the end, so its newest entry is asked for until it stays."""
        try:
            async with asyncio.timeout(_LONGEST_WAIT):
                before = None
                while (newest := await self._newest()) != before:
                    while newest is not None and not is_behind(newest, self._cursor):
                        self._news.clear()
                        await self._news.wait()
                    before = newest
                    await asyncio.sleep(_SETTLE_SECONDS)
        except TimeoutError:
            return

    async def _newest(self) -> str | None:
        """The cursor of the newest entry."""
        status, said = await shell.ask(systemd_units.newest(), seconds=_LONGEST_WAIT)
        lines = said.strip().splitlines() if status == 0 else []
        return str(msgspec.json.decode(lines[-1]).get("__CURSOR")) if lines else None

    async def _run(self) -> None:
        for pause in itertools.repeat(_PAUSE):
            try:
                await self._follow()
            except Unavailable as error:
                _log.warning("what apps print cannot be kept", code=error.code, detail=error.detail)
            await asyncio.sleep(pause)

    async def _follow(self) -> None:
        """Copy until the reader ends, which it does when the journal goes."""
        loop = asyncio.get_running_loop()
        async with shell.reading(systemd_units.follow(self._cursor), longest=_LONGEST) as lines:
            async for line in lines:
                self._copy(msgspec.json.decode(line))
                self._news.set()
                if loop.time() > self._saved + _SAVE_SECONDS:
                    self._saved = loop.time()
                    self._save()
        self._save()

    def _copy(self, record: dict[str, Any]) -> None:
        self._cursor = record.get("__CURSOR", self._cursor)
        release = self._release_of(record.get("_SYSTEMD_UNIT", ""))
        if release is not None:
            line = _bytes(record.get("MESSAGE")).replace(b"\n", b" ") + b"\n"
            while line:
                line = line[os.write(self._descriptor(release), line) :]

    def _release_of(self, unit: str) -> Release | None:
        """What the unit runs; its link says so."""
        if not systemd_units.is_app(unit):
            return None
        try:
            target = os.readlink(self._folders.units / systemd_units.folder_name(unit))
        except FileNotFoundError:
            return None
        project, _, deployment = target.rpartition("/")
        return Release(project_id=ProjectId(os.path.basename(project)), deployment_id=DeploymentId(deployment))

    def _descriptor(self, release: Release) -> int:
        if release not in self._open:
            if len(self._open) >= _MOST_OPEN:
                os.close(self._open.popitem(last=False)[1])
            self._open[release] = open_log(self._folders.run_log(release))
        return self._open[release]

    def _save(self) -> None:
        if self._cursor is not None:
            try:
                write_whole(self._place, self._cursor)
            except BoxError:
                return  # a full disk: it is written the next time


def is_behind(cursor: str, place: str | None) -> bool:
    """Whether an entry was read by one who stands at `place`: both name their journal and count within it."""
    entry, reader = _parts(cursor), _parts(place or "")
    return entry.get("s") == reader.get("s") and int(entry.get("i", "0"), 16) <= int(reader.get("i", "0"), 16)


def _parts(cursor: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in cursor.split(";") if "=" in part)


def _bytes(message: object) -> bytes:
    """A message as the journal's JSON has it: text, or numbers where it is not: journal-export-formats."""
    match message:
        case str():
            return message.encode("utf-8", errors="replace")
        case list():
            return bytes(message)
        case _:
            return b""
