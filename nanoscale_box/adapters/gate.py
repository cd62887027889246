"""Decides whether what was started is fit to be switched to, and says in one sentence why not."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanoscale_box.adapters.lines import text_of
from nanoscale_box.adapters.probe import Silence, status_of
from nanoscale_box.adapters.processes import Listener
from nanoscale_box.core.errors import Code, DeployFailed
from nanoscale_box.core.model import EnvVar
from nanoscale_box.core.plan import Health
from nanoscale_box.core.text import Redactor, inert

_FIRST_PAUSE: Final = 0.005
_LONGEST_PAUSE: Final = 0.25
_LONGEST_ANSWER: Final = 15.0
"""One question waits no longer than this: an app that mislaid the first one may answer the next."""
_TAIL_BYTES: Final = 8 * 1024
_LAST_WORDS: Final = 3
_INDEX_FILES: Final = ("index.html", "index.txt")
_SEE_LOG: Final = "see all of it: nanoscale-box logs PROJECT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A process that was started and has to show that it works."""

    port: int
    elsewhere: Callable[[], Sequence[Listener]]
    """Where it listens, asked when it does not where it should."""
    stranger: Callable[[], str | None]
    """Who else it is that answers on its port, as far as can be seen: what was free a moment ago may be taken."""
    ended: asyncio.Event
    status: Callable[[], int | None]
    """Its exit status once it ended, negative for a signal; None when nobody can tell."""
    log: Path
    clean: Callable[[str], str]


def cleaner(env: Sequence[EnvVar]) -> Callable[[str], str]:
    """What makes a line of an app with these variables fit to be shown."""
    redactor = Redactor(var.value for var in env)
    return lambda line: redactor(inert(line, limit=200))


async def wait_until_healthy(candidate: Candidate, health: Health) -> None:
    """Return when the health path is answered as it should; `DeployFailed` says what happened instead."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not candidate.ended.is_set():
        left = began + health.timeout_seconds - loop.time()
        seen = await _ask(candidate, health, min(max(left, 0.1), _LONGEST_ANSWER))
        if candidate.ended.is_set():
            break
        stranger = None if seen is Silence.REFUSED else await asyncio.to_thread(candidate.stranger)
        if stranger:
            seen = Silence.REFUSED
        waited = loop.time() - began
        match seen:
            case int() if health.lowest <= seen <= health.highest:
                return
            case int() if waited >= min(health.grace_seconds, health.timeout_seconds):
                raise _wrong(health, seen)
            case Silence() if waited >= health.timeout_seconds:
                raise await _silent(candidate, health, seen, stranger)
        await sleep_unless(candidate.ended, min(max(_FIRST_PAUSE, waited / 20), _LONGEST_PAUSE))
    raise _exited(candidate)


def check_static(site: Path) -> None:
    """`DeployFailed` unless the folder has something to show at `/`."""
    if not any((site / name).is_file() for name in _INDEX_FILES):
        raise DeployFailed(
            Code.UNHEALTHY,
            f"the site has no {_INDEX_FILES[0]} in {site.name or '/'}",
            hint="set the output directory to the folder that the build writes the pages to",
        )


async def _ask(candidate: Candidate, health: Health, seconds: float) -> int | Silence:
    """One question; the end of the process ends the waiting too."""
    asking = asyncio.ensure_future(status_of(candidate.port, health.path, seconds=seconds))
    ending = asyncio.ensure_future(candidate.ended.wait())
    try:
        await asyncio.wait((asking, ending), return_when=asyncio.FIRST_COMPLETED)
        return asking.result() if asking.done() else Silence.REFUSED
    finally:
        asking.cancel()
        ending.cancel()
        await asyncio.gather(asking, ending, return_exceptions=True)


async def sleep_unless(ended: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until the end."""
    try:
        async with asyncio.timeout(seconds):
            await ended.wait()
    except TimeoutError:
        return


def _exited(candidate: Candidate) -> DeployFailed:
    match candidate.status():
        case None:
            how = ""
        case int(status) if status < 0:
            how = f", by signal {-status} ({signal.Signals(-status).name})"
        case status:
            how = f", with exit status {status}"
    return DeployFailed(Code.EXITED_EARLY, f"the app ended right after its start{how}", hint=_last_words(candidate))


def _wrong(health: Health, status: int) -> DeployFailed:
    expected = f"{health.lowest}" if health.lowest == health.highest else f"{health.lowest} to {health.highest}"
    return DeployFailed(
        Code.UNHEALTHY,
        f"the app answered {inert(health.path, limit=100)} with status {status} instead of {expected}",
        hint=f"mend the app, or set the path and status of its health check in nanoscale.toml; {_SEE_LOG}",
    )


async def _silent(candidate: Candidate, health: Health, silence: Silence, stranger: str | None) -> DeployFailed:
    path, seconds = inert(health.path, limit=100), health.timeout_seconds
    match silence:
        case Silence.MUTE:
            what = f"the app listens on its port but did not answer {path} within {seconds} seconds"
            return DeployFailed(Code.UNHEALTHY, what, hint=_last_words(candidate))
        case Silence.NOT_HTTP:
            what = "what the app answers on its port is not HTTP"
            return DeployFailed(
                Code.UNHEALTHY, what, hint=f"have it speak HTTP, since only web apps can be deployed; {_SEE_LOG}"
            )
        case Silence.REFUSED:
            elsewhere = await asyncio.to_thread(candidate.elsewhere)
            what = f"the app did not listen on port {candidate.port} within {seconds} seconds"
            if stranger:
                what = f"{what}, and {inert(stranger, limit=100)} does"
            return DeployFailed(Code.NEVER_LISTENED, what, hint=_where(candidate, elsewhere))


def _where(candidate: Candidate, elsewhere: Sequence[Listener]) -> str:
    """What to do about an app that is not where it should be."""
    advice = "make it listen on the host and port in the environment variables HOST and PORT"
    if elsewhere:
        return f"{advice}; it listens on {elsewhere[0].host} port {elsewhere[0].port} instead"
    return f"{advice}; {_last_words(candidate)}"


def _last_words(candidate: Candidate) -> str:
    """The end of the log in one line, and where the rest is."""
    try:
        with open(candidate.log, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            lines = [candidate.clean(text_of(line)).strip() for line in file.read().split(b"\n")]
    except FileNotFoundError:
        return _SEE_LOG
    said = [line for line in lines if line][-_LAST_WORDS:]
    return f"it said “{' / '.join(said)}”; {_SEE_LOG}" if said else "it said nothing before"
