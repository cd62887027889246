"""What a commit's checks say, what changed between two commits, and the box's own word on a commit."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from nanoscale_box.adapters import github_shapes as shapes
from nanoscale_box.adapters.github_calls import Caller, Calls, nothing
from nanoscale_box.core.errors import Code, Unavailable
from nanoscale_box.core.model import RepoId, Sha

# "The API response includes details about the files that were changed ... up to 300 changed files":
# https://docs.github.com/en/rest/commits/commits#compare-two-commits
_FILES_SHOWN: Final = 300
_LONGEST_DESCRIPTION: Final = 140


class CommitState(StrEnum):
    """The four words of a commit status."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"


class Feedback:
    """Talks about commits. All of it needs rights the owner may not have granted; then `github_refused`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def changed_paths(self, caller: Caller, repo_id: RepoId, before: Sha, after: Sha) -> frozenset[str] | None:
        """The paths that differ between two commits; None when that is not known, which means: take it that all do."""
        path = f"/repositories/{repo_id}/compare/{before}...{after}"
        found = await self._calls.find(caller, path, shapes.comparison, take=frozenset({404, 422}))
        # With a history that was rewritten, GitHub compares with the common ancestor, which is not the net difference.
        if found is None or found.status not in ("ahead", "identical") or len(found.files) >= _FILES_SHOWN:
            return None
        named = {file.filename for file in found.files}
        return frozenset(named | {file.previous_filename for file in found.files if file.previous_filename})

    async def set_status(
        self,
        caller: Caller,
        repo_id: RepoId,
        sha: Sha,
        state: CommitState,
        *,
        context: str,
        description: str,
        url: str | None,
    ) -> None:
        """Set the commit's status under the name `context`."""
        body = {"state": state, "context": context, "description": description[:_LONGEST_DESCRIPTION]}
        if url is not None:
            body["target_url"] = url
        reply = await self._calls.write(
            caller, "POST", f"/repositories/{repo_id}/statuses/{sha}", body, read=nothing, take=frozenset({404, 422})
        )
        if reply.value is None:
            raise Unavailable(
                Code.GITHUB_REFUSED,
                f"GitHub takes no status for a commit of the repository {repo_id}.",
                hint='Grant the App "Commit statuses: read and write"; deployments work without it.',
            )
