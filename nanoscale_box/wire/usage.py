"""What running apps take of the machine, as the API tells it."""

from __future__ import annotations

from datetime import datetime

from nanoscale_box.wire.shapes import Shape


class Usage(Shape, frozen=True):
    """One project whose app runs; samples are the oldest first and `seconds_apart`, the last one of the time `at`.
    `cpu_percent` is of one core, on average since the sample before; `memory_bytes` is null where the kernel does not
    count it; `cpu_seconds` were spent since the box began to look."""

    project_id: str
    at: datetime
    seconds_apart: float
    cpu_percent: list[float]
    memory_bytes: list[int | None]
    cpu_seconds: float
