"""What an app takes of the machine, as bars with the number beside them."""

from __future__ import annotations

from typing import Final

from textual.content import Content

from nanoscale_box.core.figures import share, size, spark
from nanoscale_box.tui.plain import Tone, join, plain
from nanoscale_box.wire.usage import Usage

_LEAST_CPU: Final = 10.0
"""Percent of a core at which a bar may be the highest."""
_WIDTH: Final = 20
_HEADROOM: Final = 4 / 3
"""Where a project has no limit, memory that stays the same fills three quarters of the height."""
_MIB: Final = 1024 * 1024


def cpu(usage: Usage | None, width: int, *, aligned: bool = False) -> Content:
    """The last `width` samples and the newest share of a core, under each other if `aligned`; nothing for an app that
    does not run."""
    if usage is None or not usage.cpu_percent:
        return Content("")
    bars, number = spark(usage.cpu_percent, width, least=_LEAST_CPU), share(usage.cpu_percent[-1])
    if aligned:
        bars, number = bars.rjust(width), number.rjust(5)
    return join(Content.styled(bars, Tone.GOOD.value), " ", Content(number))


def memory(usage: Usage | None) -> Content:
    """What it holds now."""
    held = usage.memory_bytes[-1] if usage and usage.memory_bytes else None
    return Content("") if held is None else plain(size(held).rjust(6))


def gauges(usage: Usage | None, limit_mb: int | None) -> Content:
    """Both over time in a line, memory against the project's limit if it has one; nothing for an app that does not
    run."""
    taken = cpu(usage, _WIDTH)
    if usage is None or not taken:
        return Content("")
    taken = join(plain("CPU ", Tone.DIM), taken)
    known = [one for one in usage.memory_bytes if one is not None]
    if not known or usage.memory_bytes[-1] is None:
        return taken
    most = float(limit_mb * _MIB) if limit_mb else max(known) * _HEADROOM
    bars = Content.styled(spark(usage.memory_bytes, _WIDTH, least=most), Tone.BUSY.value)
    of = f" of {size(most)}" if limit_mb else ""
    return join(taken, plain("   memory ", Tone.DIM), bars, " ", plain(f"{size(usage.memory_bytes[-1])}{of}"))
