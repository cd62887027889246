"""A terminal that is closed under the UI: it ends, whatever it has still to say."""

from __future__ import annotations

import os
import pty
import threading
from contextlib import suppress

from textual.drivers._writer_thread import MAX_QUEUED_WRITES, WriterThread

from nanoscale_box.tui.app import BoxApp
from nanoscale_box.tui.driver import Lasting, TerminalDriver
from tests.tui.fake_client import FakeClient


def test_nobody_waits_for_a_terminal_that_is_gone() -> None:
    primary, secondary = pty.openpty()
    file = os.fdopen(secondary, "w", buffering=1)
    writer = WriterThread(Lasting(file))  # type: ignore[arg-type] # what of a file a writer needs
    writer.start()
    writer.write("seen\n")
    assert os.read(primary, 100) == b"seen\r\n"
    os.close(primary)

    def say_much() -> None:
        for _ in range(3 * MAX_QUEUED_WRITES):
            writer.write("unseen\n")
        writer.stop()

    saying = threading.Thread(target=say_much, daemon=True)
    saying.start()
    saying.join(timeout=30)
    with suppress(OSError):
        file.close()
    assert not saying.is_alive()


def test_the_ui_draws_by_it() -> None:
    driver = BoxApp(FakeClient()).driver_class
    assert driver is TerminalDriver
