"""What others say of a commit: check suites, their failed runs, and statuses.

https://docs.github.com/en/rest/checks and https://docs.github.com/en/rest/commits/statuses
"""

from __future__ import annotations

from typing import Final

from nanoscale_box.adapters import github_shapes as shapes
from nanoscale_box.adapters.github_calls import Caller, Calls
from nanoscale_box.core.ci import OWN_CONTEXT, Check, CheckState
from nanoscale_box.core.errors import BoxError, Code, NotFound, Unavailable
from nanoscale_box.core.model import RepoId, Sha
from nanoscale_box.core.text import inert

_PASSED: Final = frozenset({"success", "neutral", "skipped"})


class Checks:
    """Reads checks. It takes two rights, `checks: read` and `statuses: read`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def of(self, caller: Caller, repo_id: RepoId, sha: Sha) -> list[Check]:
        """All that is said of a commit; `github_refused` where the owner did not grant the rights."""
        commit = f"/repositories/{repo_id}/commits/{sha}"
        try:
            return [*await self._suites(caller, commit), *await self._statuses(caller, commit)]
        except NotFound as error:
            raise _ungranted() from error
        except BoxError as error:
            if error.code is Code.GITHUB_REFUSED:
                raise _ungranted() from error
            raise

    async def _suites(self, caller: Caller, commit: str) -> list[Check]:
        """A suite speaks for its runs, also for those that have yet to be made as jobs wait for each other. One without
        any run stays queued for ever where an App has nothing to say of a commit, and counts for nothing."""
        path = f"{commit}/check-suites?per_page=100"
        suites = [
            one async for page in self._calls.pages(caller, path, shapes.check_suites) for one in page.check_suites
        ]
        counted = [one for one in suites if one.latest_check_runs_count or one.status == "completed"]
        found = [Check(name=_name(one), state=_state_of(one.status, one.conclusion)) for one in counted]
        if any(check.state is CheckState.FAILED for check in found):
            runs = await self._failed_runs(caller, commit)
            found = [check for check in found if check.state is not CheckState.FAILED or not runs] + runs
        return found

    async def _failed_runs(self, caller: Caller, commit: str) -> list[Check]:
        path = f"{commit}/check-runs?filter=latest&per_page=100"
        runs = [one async for page in self._calls.pages(caller, path, shapes.check_runs) for one in page.check_runs]
        return [
            Check(name=inert(one.name, limit=80), state=CheckState.FAILED)
            for one in runs
            if one.conclusion is not None and one.conclusion not in _PASSED
        ]

    async def _statuses(self, caller: Caller, commit: str) -> list[Check]:
        pages = self._calls.pages(caller, f"{commit}/status?per_page=100", shapes.combined_status)
        found = [one async for page in pages for one in page.statuses]
        return [
            Check(name=inert(one.context, limit=80), state=_STATES.get(one.state, CheckState.FAILED))
            for one in found
            if not one.context.startswith(OWN_CONTEXT)
        ]


_STATES: Final = {"pending": CheckState.PENDING, "success": CheckState.PASSED}


def _state_of(status: str, conclusion: str | None) -> CheckState:
    if status != "completed":
        return CheckState.PENDING
    return CheckState.PASSED if conclusion in _PASSED else CheckState.FAILED


def _name(suite: shapes.CheckSuite) -> str:
    app = suite.app
    return inert((app.name or app.slug) if app else "", limit=80) or "checks"


def _ungranted() -> Unavailable:
    return Unavailable(
        Code.GITHUB_REFUSED,
        "GitHub does not let the App read the commit's checks",
        hint='grant the App "Checks: read" and "Commit statuses: read", or switch the waiting off: --no-wait-for-ci',
    )
