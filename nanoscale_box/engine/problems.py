"""What is not as it should be between box and GitHub, each as one sentence with what mends it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Final

from nanoscale_box.core.errors import BoxError
from nanoscale_box.core.figures import clock_skew
from nanoscale_box.core.github_model import App, Installation
from nanoscale_box.core.model import InstallationId, RepoId
from nanoscale_box.engine.hookcheck import may_keep_hooks
from nanoscale_box.engine.views import Problem

_CLOCK_TOLERANCE: Final = timedelta(seconds=60)


def problems_of(
    app: App | None,
    installations: Sequence[Installation],
    *,
    skew: timedelta | None,
    webhook: str | None,
    refused: Mapping[RepoId, BoxError],
    waiting: Collection[InstallationId],
) -> tuple[Problem, ...]:
    """All of them, the gravest first; `waiting` are the installations with a project that waits for CI."""
    if app is None:
        return ()
    found = [_clock(skew)] if skew is not None and abs(skew) > _CLOCK_TOLERANCE else []
    found += [_hooks(one) for one in installations if webhook and not one.suspended and not may_keep_hooks(one)]
    found += [_checks(one) for one in installations if one.installation_id in waiting and not _may_read_checks(one)]
    found += [
        Problem(
            code="hook",
            sentence=f"the repository {repo_id} has no webhook of its own: {error.detail}",
            why="its pushes come by the App's own hook or are noticed late",
            fix=error.hint or "nanoscale-box github hooks --repair",
        )
        for repo_id, error in refused.items()
    ]
    return tuple(found)


def _clock(skew: timedelta) -> Problem:
    return Problem(
        code="clock",
        sentence=f"this machine's clock is {clock_skew(skew)} GitHub's",
        why="GitHub refuses signatures made at a wrong time",
        fix="timedatectl set-ntp true",
    )


def _may_read_checks(installation: Installation) -> bool:
    given = installation.permissions
    return not given or all(given.get(right) for right in ("checks", "statuses"))


def _checks(installation: Installation) -> Problem:
    return Problem(
        code="checks_right",
        sentence=f"on {installation.account_login} the App may not read checks, for which projects there wait",
        why="pushes to a private repository are not deployed then; to a public one they may be",
        fix='grant "Checks: read" and "Commit statuses: read" in the App\'s settings on GitHub, then accept it for the '
        "installation; or: nanoscale-box projects set NAME --no-wait-for-ci",
    )


def _hooks(installation: Installation) -> Problem:
    return Problem(
        code="hook_right",
        sentence=f"on {installation.account_login} the App may not keep webhooks; it works with its own hook alone",
        why="pushes come by the App's own hook; without that they are noticed by polling",
        fix='grant "Webhooks: read and write" in the App\'s settings on GitHub, then accept it for the installation',
    )
