"""States, times and commits as people read them; the same glyphs and words as the command line's."""

from __future__ import annotations

import re
from datetime import datetime
from enum import Enum, auto
from typing import Final

from nanoscale_box.wire import shapes

GLYPHS: Final = {
    "live": "●",
    "deployed": "●",
    "done": "●",
    "connected": "●",
    "ok": "●",
    "queued": "○",
    "fetching": "◐",
    "building": "◐",
    "starting": "◐",
    "switching": "◐",
    "running": "◐",
    "failed": "✕",
    "warn": "▲",
    "paused": "▲",
    "down": "■",
    "new": "○",
}
RUNNING: Final = frozenset({"queued", "fetching", "building", "starting", "switching"})
CANCELLABLE: Final = RUNNING - {"switching"}
_STAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (?=.)")
_TRIGGERS: Final = {"create": "creation", "push": "push", "manual": "you", "rollback": "rollback"}


def state(word: str) -> str:
    """A state as a glyph and a word."""
    return f"{GLYPHS.get(word, '·')} {word}"


def project_word(project: shapes.Project) -> str:
    """How a project stands: what is under way, else what runs."""
    latest = project.latest
    if latest is not None and latest.state in RUNNING:
        return latest.state
    if project.state == "new" and latest is not None and latest.state == "failed":
        return "failed"
    return project.state


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago."""
    if moment is None:
        return ""
    seconds = max(0, int((now - moment).total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


def clock(moment: datetime | None) -> str:
    """A moment in full, in the reader's own time zone."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else ""


class Times(Enum):
    """How much is told of the time before a line of a log."""

    CLOCK = auto()
    FULL = auto()
    NONE = auto()


def log_line(text: str, times: Times = Times.CLOCK) -> str:
    """A line of a log, with the time the box put before it as the reader's own time of day, in full, or left out."""
    if not _STAMP.match(text):
        return text
    try:
        moment = datetime.fromisoformat(text[:20]).astimezone()
    except ValueError:
        return text
    match times:
        case Times.CLOCK:
            return f"{moment:%H:%M:%S} {text[21:]}"
        case Times.FULL:
            return f"{moment:%Y-%m-%d %H:%M:%S} {text[21:]}"
        case Times.NONE:
            return text[21:]


def lasted(seconds: float) -> str:
    """A length of time."""
    if seconds < 0.095:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def took(deployment: shapes.Deployment, now: datetime) -> str:
    """How long a deployment took, or has taken so far."""
    if deployment.started_at is None:
        return ""
    return lasted(max(0.0, ((deployment.finished_at or now) - deployment.started_at).total_seconds()))


def short(sha: str | None) -> str:
    """A commit as people write it."""
    return sha[:7] if sha else ""


def commit(deployment: shapes.Deployment | None) -> str:
    """A commit with its subject."""
    if deployment is None:
        return ""
    return f"{short(deployment.sha)} {deployment.subject or ''}".strip()


def trigger(word: str) -> str:
    """By what a deployment was made."""
    return _TRIGGERS.get(word, word)


def branch_of(ref: str | None) -> str:
    """A ref as people call it."""
    return (ref or "").removeprefix("refs/heads/").removeprefix("refs/tags/")


def advised(sentence: str, hint: str | None) -> str:
    """What went wrong and what to do next, as one text."""
    if not hint:
        return sentence
    ended = sentence.endswith((".", "!", "?")) or not hint[:1].isupper()
    return f"{linked(sentence if ended else f'{sentence}.')}{hint}"


def linked(sentence: str) -> str:
    """A sentence that the next one can follow."""
    return f"{sentence} " if sentence.endswith((".", "!", "?")) else f"{sentence}; "


def mark(project: shapes.Project) -> str:
    """What needs the owner's eye, in a word."""
    if project.paused:
        return "paused"
    latest, drift = project.latest, project.drift
    if latest is not None and latest.state == "failed":
        return f"#{latest.number} failed"
    if drift is not None:
        return f"{drift.behind} behind" if drift.behind else "drifted"
    return ""


def notes(project: shapes.Project) -> list[str]:
    """What needs the owner's eye: a pause, drift, a failure that what runs has outlived."""
    found = [f"paused: {project.paused_reason or 'by you'}"] if project.paused else []
    latest = project.latest
    if latest is not None and latest.state == "failed":
        why = latest.error.detail if latest.error else "its log says why"
        found.append(f"#{latest.number} failed: {why}")
    if project.drift is not None and project.drift.reason not in found:
        found.append(project.drift.reason)
    return found
