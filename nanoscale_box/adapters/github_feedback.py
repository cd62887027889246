"""What changed between two commits, and the box's own word on a commit: a status, and a deployment on GitHub."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from nanoscale_box.adapters import github_shapes as shapes
from nanoscale_box.adapters import github_shapes_refs as refs
from nanoscale_box.adapters.github_calls import Caller, Calls, nothing
from nanoscale_box.core.errors import Code, Unavailable
from nanoscale_box.core.github_model import CommitWord, Comparison
from nanoscale_box.core.model import RepoId, Sha

# "The API response includes details about the files that were changed ... up to 300 changed files":
# https://docs.github.com/en/rest/commits/commits#compare-two-commits
_FILES_SHOWN: Final = 300
_LONGEST_DESCRIPTION: Final = 140
_OURS: Final = "nanoscale_box"
"""The box's own id of a deployment, in the payload of GitHub's."""
_DEPLOYMENT_STATES: Final = {"pending": "in_progress"}


class Feedback:
    """Talks about commits. All of it needs rights the owner may not have granted; then `github_refused`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def comparison(self, caller: Caller, repo_id: RepoId, before: Sha, after: Sha) -> Comparison | None:
        """How `after` stands to `before`; None when GitHub knows one of them no longer."""
        path = f"/repositories/{repo_id}/compare/{before}...{after}"
        found = await self._calls.find(caller, path, refs.comparison, take=frozenset({404, 422}))
        if found is None:
            return None
        # With a history that was rewritten, GitHub compares with the common ancestor, which is not the net difference.
        straight = found.status in ("ahead", "identical") and len(found.files) < _FILES_SHOWN
        return Comparison(ahead=found.ahead_by, behind=found.behind_by, changed=_paths(found) if straight else None)

    async def set_status(self, caller: Caller, repo_id: RepoId, sha: Sha, word: CommitWord) -> None:
        """Set the commit's status under the word's name."""
        body = {
            "state": word.state,
            "context": word.name,
            "description": word.sentence[:_LONGEST_DESCRIPTION],
        }
        if target := word.url or word.reason_url:
            body["target_url"] = target
        path = f"/repositories/{repo_id}/statuses/{sha}"
        reply = await self._calls.write(caller, "POST", path, body, read=nothing, take=frozenset({404, 422}))
        if reply.value is None:
            raise _not_taken(repo_id, "status", "Commit statuses")

    async def set_deployment(self, caller: Caller, repo_id: RepoId, sha: Sha, word: CommitWord) -> None:
        """Say the word on GitHub's deployment, found by the box's own id in its payload or made now."""
        number = await self._known(caller, repo_id, sha, word) or await self._made(caller, repo_id, sha, word)
        body = {
            "state": _DEPLOYMENT_STATES.get(word.state, word.state),
            "description": word.sentence[:_LONGEST_DESCRIPTION],
            "environment_url": word.url or "",
            "log_url": word.reason_url or "",
        }
        path = f"/repositories/{repo_id}/deployments/{number}/statuses"
        reply = await self._calls.write(caller, "POST", path, body, read=nothing, take=frozenset({404, 422}))
        if reply.value is None:
            raise _not_taken(repo_id, "deployment", "Deployments")

    async def _known(self, caller: Caller, repo_id: RepoId, sha: Sha, word: CommitWord) -> int | None:
        query = urlencode({"sha": sha, "environment": word.name, "per_page": 100})
        path = f"/repositories/{repo_id}/deployments?{query}"
        for one in await self._calls.find(caller, path, shapes.deployments) or ():
            if isinstance(one.payload, dict) and one.payload.get(_OURS) == word.deployment_id:
                return one.id
        return None

    async def _made(self, caller: Caller, repo_id: RepoId, sha: Sha, word: CommitWord) -> int:
        """201; without `auto_merge` and `required_contexts` GitHub has no reason for its 202 and 409, but may have."""
        body = {
            "ref": sha,
            "environment": word.name,
            "description": word.sentence[:_LONGEST_DESCRIPTION],
            "payload": {_OURS: word.deployment_id},
            "auto_merge": False,
            "required_contexts": [],
        }
        path = f"/repositories/{repo_id}/deployments"
        reply = await self._calls.write(
            caller, "POST", path, body, read=shapes.made_deployment, take=frozenset({404, 409, 422})
        )
        if reply.value is None or reply.value.id is None:
            raise _not_taken(repo_id, "deployment", "Deployments")
        return reply.value.id


def _not_taken(repo_id: RepoId, what: str, right: str) -> Unavailable:
    return Unavailable(
        Code.GITHUB_REFUSED,
        f"GitHub takes no {what} for a commit of the repository {repo_id}.",
        hint=f'Grant the App "{right}: read and write"; deployments work without it.',
    )


def _paths(found: refs.Comparison) -> frozenset[str]:
    named = {file.filename for file in found.files}
    return frozenset(named | {file.previous_filename for file in found.files if file.previous_filename})
