"""The box's own log: one record per event on standard error, redacted and inert whoever writes it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, Final, TextIO

import structlog

from nanoscale_box.adapters.private import PrivateNames
from nanoscale_box.core.text import inert, redact

_LIMIT: Final = 2000
_FIRST: Final = ("timestamp", "level", "event")


def open_journal(
    *,
    stream: TextIO | None = None,
    level: int = logging.INFO,
    as_json: bool = False,
    private: PrivateNames | None = None,
) -> None:
    """Configure structlog and the standard library's logging, so that no record can pass by the redaction.

    A record is a line of `name=value` pairs, or of JSON; names of `private` repositories are masked in either."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        Cleaner(private or PrivateNames()),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(as_json)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("apscheduler", "aiosqlite", "asyncio"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))


def _renderer(as_json: bool) -> structlog.typing.Processor:
    if as_json:
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.processors.LogfmtRenderer(key_order=_FIRST, drop_missing=True)


class Cleaner:
    """Redacts and defuses every text of a record, also those that only become texts when they are written."""

    def __init__(self, hide: Callable[[str], str]) -> None:
        self._hide = hide

    def __call__(self, logger: object, method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """One of structlog's processors."""
        for key, value in record.items():
            if not key.startswith("_") and not isinstance(value, int | float | bool | None):
                record[key] = inert(redact(self._hide(str(value))), limit=_LIMIT)
        return record
