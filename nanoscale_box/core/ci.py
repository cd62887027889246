"""Waiting for CI: whether a commit's checks and statuses are green, as pure rules with their sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from nanoscale_box.core.errors import Code, Invalid
from nanoscale_box.core.model import Project, SourceProvider, Trigger

NO_CHECKS_AFTER: Final = timedelta(minutes=2)
"""A commit for which no check has begun by then has none: it is deployed."""
LONGEST: Final = timedelta(hours=6)
"""Checks that have not ended by then never will: as long as GitHub lets a job of Actions run,
https://docs.github.com/en/actions/reference/limits"""
OWN_CONTEXT: Final = "nanoscale-box/"
"""What the contexts of the box's own statuses begin with; none of them is anybody's CI."""
_NAMED: Final = 3


class CheckState(StrEnum):
    """How one check stands."""

    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What one App's checks, or one commit status, say of a commit."""

    name: str
    state: CheckState


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """Deploy, and why."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Look again later; what is waited for."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Do not deploy this commit, and why; `hint` is what to do where that is not to mend the checks."""

    reason: str
    hint: str = ""


Light = Go | Wait | Stop


def waits(project: Project, trigger: Trigger) -> bool:
    """Whether a deployment waits for CI: what pushes bring does, what the owner asks for by name does not."""
    return project.wait_for_ci and project.link is not None and trigger in (Trigger.PUSH, Trigger.POLL, Trigger.SWEEP)


def check_waiting(project: Project) -> None:
    """Refuse to wait for checks that nobody can be asked for."""
    if project.wait_for_ci and project.source_provider is SourceProvider.MANUAL:
        raise Invalid(
            Code.INVALID,
            "only a project of a connected GitHub account can wait for CI",
            hint="create it from the repository: nanoscale-box projects create --repo OWNER/NAME",
        )


def judge(checks: Sequence[Check], waited: timedelta) -> Light:
    """What a commit's checks mean after so long a wait: one that failed is enough to stop, all must pass to go on."""
    failed = [check.name for check in checks if check.state is CheckState.FAILED]
    pending = [check.name for check in checks if check.state is CheckState.PENDING]
    if failed:
        return Stop(reason=f"CI failed: {_list(failed)}")
    if pending:
        return patient(f"waiting for CI: {_list(pending)}", waited)
    if not checks and waited < NO_CHECKS_AFTER:
        return Wait(reason="waiting for CI: no check has begun yet")
    if not checks:
        return Go(reason=f"no check began within {int(NO_CHECKS_AFTER.total_seconds())} seconds")
    return Go(reason="CI is green")


def patient(reason: str, waited: timedelta) -> Light:
    """Wait on, but not for ever."""
    if waited < LONGEST:
        return Wait(reason=reason)
    return Stop(reason=f"CI did not end within {int(LONGEST.total_seconds() // 3600)} hours")


def _list(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
