"""A log that grows by a thousand lines a second, from a real app to a picture in a terminal."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Final

from nanoscale_box.demo.world import World
from nanoscale_box.sandbox.sample_files import SEEDS
from tests.bench.pushing import Sample, connected, create
from tests.bench.report import Line, Peer, middle, size
from tests.bench.stores import cpu
from tests.tui.terminal import SYNC, Terminal

_RATE: Final = 1000
_MOST: Final = 20
_SETTLE: Final = 1.0
_SERVES: Final = "    server.serve_forever()"
_FLOODS: Final = f"""    import threading, time
    def flood():
        began = time.monotonic()
        number = 0
        while True:
            due = int((time.monotonic() - began) * {_RATE})
            for number in range(number + 1, due + 1):
                print(f"line {{number:08}} at {{time.time():.3f}} GET /things/{{number % 97}} 200", flush=True)
            number = max(number, due)
            time.sleep(0.001)
    threading.Thread(target=flood, daemon=True).start()
"""
_LINE: Final = re.compile(r"line ([0-9]{8}) at ([0-9]+\.[0-9]{3})")


def logs() -> Iterator[Line]:
    """How often the terminal UI paints while it follows such a log, and how soon it answers a key meanwhile. The
    terminal says that it can hold pictures back until they are whole, and so they can be counted."""
    seconds, keys = size(2, 10, 30), size(1, 9, 30)
    app = SEEDS["hello"]["app.py"].replace(_SERVES, _FLOODS + _SERVES)
    told = asyncio.run(_measure(app, seconds, keys))
    yield from told


async def _measure(app: str, seconds: int, keys: int) -> list[Line]:
    async with connected() as there:
        sample = Sample(name="hello", repo="ada/hello", marked="page.txt", files=SEEDS["hello"] | {"app.py": app})
        await there.push({"repo": sample.repo, "branch": "main", "files": {"app.py": app}, "message": "Talk much"})
        await create(there, sample)
        return await asyncio.to_thread(_watch, there, seconds, keys)


def _watch(there: World, seconds: int, keys: int) -> list[Line]:
    with tempfile.TemporaryDirectory(prefix="bench-") as home:
        environ = {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8", "TERM": "xterm-256color"}
        argv = [sys.executable, "-m", "nanoscale_box", "tui"]
        terminal = Terminal(argv, environ | {"NANOSCALE_SOCKET": str(there.socket)}, (120, 40), syncs=True)
        try:
            terminal.until(lambda: "Talk much" in terminal.text)
            terminal.press("\r")
            terminal.until(lambda: "Deployments" in terminal.text)
            _read_for(terminal, _SETTLE)
            quiet = _answers(terminal, keys)
            terminal.press("l")
            terminal.until(lambda: _LINE.search(terminal.text))
            _read_for(terminal, _SETTLE)
            return [_redraws(terminal, seconds), _key(quiet, _answers(terminal, keys))]
        finally:
            terminal.close()


def _redraws(terminal: Terminal, seconds: int) -> Line:
    pid = terminal.process.pid
    before, computed = len(terminal.text), cpu(pid)
    counts = []
    for _ in range(seconds):
        at = len(terminal.text)
        _read_for(terminal, 1.0)
        counts.append(terminal.text.count(SYNC, at))
    lines = _LINE.findall(terminal.text, before)
    late = time.time() - float(lines[-1][1])
    more: dict[str, object] = {
        "lines_a_second": round((int(lines[-1][0]) - int(lines[0][0])) / seconds),
        "most_in_a_second": max(counts),
        "newest_line_late_ms": round(1000 * late),
        "share_of_a_core": round((cpu(pid) - computed) / seconds, 2),
        "kb_a_second": round((len(terminal.text) - before) / 1000 / seconds),
    }
    return Line(
        name="logs.redraws", unit="a second", ours=sum(counts) / seconds, budget=float(_MOST), runs=seconds, more=more
    )


def _key(quiet: list[float], took: list[float]) -> Line:
    peer = Peer(name="the same while nothing is printed", value=middle(quiet))
    more: dict[str, object] = {"slowest_ms": round(max(took)), "load_average": round(os.getloadavg()[0], 1)}
    return Line(name="logs.key", unit="ms", ours=middle(took), peer=peer, budget=2.0, runs=len(took), more=more)


def _answers(terminal: Terminal, keys: int) -> list[float]:
    """Milliseconds from a key to the help it opens, so many times."""
    took = []
    for _ in range(keys):
        began = _press(terminal, "?")
        terminal.seen("esc closes")
        took.append(1000 * (time.perf_counter() - began))
        _press(terminal, "\x1b")
        terminal.seen("Deployments")
        _read_for(terminal, 0.2)
    return took


def _press(terminal: Terminal, key: str) -> float:
    terminal.text = ""
    terminal.press(key)
    return time.perf_counter()


def _read_for(terminal: Terminal, seconds: float) -> None:
    end = time.perf_counter() + seconds
    while (left := end - time.perf_counter()) > 0:
        terminal.read(min(left, 0.05))
