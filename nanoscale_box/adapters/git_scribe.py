"""Another process that makes the small files whose content comes in here: making one takes longer than reading it."""

from __future__ import annotations

import fcntl
import os
import struct
from contextlib import suppress
from typing import Final

from msgspec import msgpack

from nanoscale_box.adapters.git_limits import MIB
from nanoscale_box.adapters.git_process import Helpers
from nanoscale_box.adapters.git_write import Places, TreeWriter

_LENGTH: Final = struct.Struct("<L")
_BATCH: Final = MIB // 16
_FILE: Final = msgpack.Decoder(tuple[Places, bytes])


class Scribe:
    """Writes by way of a fork of this process, which must have no other thread when it begins. End it with `end` or
    `stop`."""

    def __init__(self, writer: TreeWriter) -> None:
        self._writer = writer
        self._taking, self._giving = os.pipe()
        with suppress(OSError):  # a user may have only so many large pipes
            fcntl.fcntl(self._giving, fcntl.F_SETPIPE_SZ, MIB)
        self._batch = bytearray()
        self._is_gone = False
        self._helpers = Helpers(self._work, 1)
        os.close(self._taking)

    def place(self, places: Places, content: bytes) -> None:
        """Write the content to each of the places, soon. Raises `DeployFailed` when the budget is spent."""
        self._writer.add(len(content) * len(places), len(places))
        told = msgpack.encode((places, content))
        self._batch += _LENGTH.pack(len(told)) + told
        if len(self._batch) > _BATCH:
            self._give()

    def end(self) -> bool:
        """Return when all is written; False when something is not."""
        self._give()
        self._close()
        return all(told is not None for told in self._helpers.told()) and not self._is_gone

    def stop(self) -> None:
        """End it at once; nothing happens when it has ended."""
        self._close()
        self._helpers.kill()

    def _give(self) -> None:
        left = memoryview(bytes(self._batch))
        self._batch.clear()
        try:
            while left and not self._is_gone:
                left = left[os.write(self._giving, left) :]
        except BrokenPipeError:
            self._is_gone = True

    def _close(self) -> None:
        if self._giving >= 0:
            os.close(self._giving)
            self._giving = -1

    def _work(self) -> bytes:
        os.close(self._giving)
        with open(self._taking, "rb", buffering=2 * _BATCH) as given:
            while head := given.read(_LENGTH.size):
                self._writer.place_now(*_FILE.decode(given.read(_LENGTH.unpack(head)[0])))
        return b""
