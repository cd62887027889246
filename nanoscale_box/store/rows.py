"""Values as they rest: times, JSON and pages, each with its way back."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from nanoscale_box.core.errors import Code, Invalid
from nanoscale_box.core.model import EventKind, Outcome, Trigger
from nanoscale_box.engine.records import Page

_JSON: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))

_TEXTS: Final = {one: one.value for kind in (EventKind, Outcome, Trigger) for one in kind}

LAST: Final = 2**63 - 1
"""Greater than or equal to every row number."""


@lru_cache(maxsize=256)  # rows of one commit share their time
def time_text(when: datetime) -> str:
    """RFC 3339 in UTC with microseconds and `Z`, which sorts as text."""
    if when.tzinfo is None:
        raise ValueError("a time without a zone cannot be recorded")
    try:
        return when.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"
    except OverflowError as error:
        raise Invalid(Code.INVALID, "a time lies outside the years that can be kept") from error


def time_text_or_none(when: datetime | None) -> str | None:
    """As `time_text`; None stays None."""
    return None if when is None else time_text(when)


def time_of(text: str) -> datetime:
    """The time a text stands for; SQLite's own CURRENT_TIMESTAMP has no zone and means UTC."""
    when = datetime.fromisoformat(text)
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def time_or_none(text: str | None) -> datetime | None:
    """As `time_of`; None stays None."""
    return None if text is None else time_of(text)


def word(one: EventKind | Outcome | Trigger) -> str:
    """The text of a word, and of no class of its own: for those the driver looks for an adapter each time, in vain."""
    return _TEXTS[one]


def json_text(value: object) -> str:
    """Compact JSON; what JSON cannot say is `Invalid`."""
    try:
        return _JSON.encode(value)
    except (TypeError, ValueError) as error:
        raise Invalid(Code.INVALID, f"a value cannot be written as JSON: {error}") from error


def fast_json_text(value: object) -> str:
    """As `json_text`, for what this program made up itself: plain text, whole numbers, lists and objects of them."""
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, OverflowError) as error:
        raise Invalid(Code.INVALID, f"a value cannot be written as JSON: {error}") from error


def json_of(text: str) -> Any:  # noqa: ANN401 - JSON this room wrote; the caller knows its shape
    """The value a JSON text stands for."""
    return json.loads(text)


def rows_wanted(page: Page) -> int:
    """How many rows to ask for: one more than wanted tells whether there are others."""
    if page.limit < 1:
        raise Invalid(Code.INVALID, "a page has at least one row: ask for a limit of 1 or more")
    return min(page.limit, LAST - 1) + 1


def cursor_of(kind: str, *key: str | int) -> str:
    """An opaque mark after the row with this key."""
    return base64.urlsafe_b64encode(json_text([kind, *key]).encode()).decode().rstrip("=")


def key_of(cursor: str, kind: str, shape: Sequence[type]) -> list[Any]:
    """The key in a cursor that `cursor_of` gave for this kind of list; `Invalid` for any other text."""
    refusal = Invalid(Code.INVALID, "the cursor is not one that this list gave: begin again without it")
    try:
        found = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise refusal from error
    if not isinstance(found, list) or not found or found[0] != kind or [type(part) for part in found[1:]] != [*shape]:
        raise refusal
    if any(isinstance(part, int) and abs(part) > LAST for part in found):
        raise refusal
    return found[1:]


def number_after(page: Page, kind: str) -> int:
    """Where a list by falling number goes on: below this one."""
    if page.cursor is None:
        return LAST
    number: int = key_of(page.cursor, kind, [int])[0]
    return number
