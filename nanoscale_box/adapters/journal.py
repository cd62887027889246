"""The box's own log: one record per event on standard error, redacted and inert whoever writes it."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from nanoscale_box.core.text import inert, redact

_LIMIT = 2000


def open_journal(*, stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Configure structlog and the standard library's logging, so that no record can pass by the redaction."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        clean,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    renderer = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], drop_missing=True)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("apscheduler", "aiosqlite", "asyncio"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))


def clean(logger: object, method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redact and defuse every text of a record."""
    for key, value in record.items():
        if isinstance(value, str) and not key.startswith("_"):
            record[key] = inert(redact(value), limit=_LIMIT)
        elif not isinstance(value, int | float | bool | None) and not key.startswith("_"):
            record[key] = inert(redact(str(value)), limit=_LIMIT)
    return record
