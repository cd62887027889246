"""Pushes as GitHub sends them, each with an id, a commit and a signature of its own, written out ahead of the clock."""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

SECRET: Final = "a webhook secret of the bench"
REPO_ID: Final = 186853002
STRAY_REPO_ID: Final = 186853999
PATH: Final = "/api/integrations/github/webhook"

_PLACES: Final = [
    "forks", "keys{/key_id}", "collaborators{/collaborator}", "teams", "hooks", "issues/events{/number}", "events",
    "assignees{/user}", "branches{/branch}", "tags", "git/blobs{/sha}", "git/tags{/sha}", "git/refs{/sha}",
    "git/trees{/sha}", "statuses/{sha}", "languages", "stargazers", "contributors", "subscribers", "subscription",
    "commits{/sha}", "git/commits{/sha}", "comments{/number}", "issues/comments{/number}", "contents/{+path}",
    "compare/{base}...{head}", "merges", "{archive_format}{/ref}", "downloads", "issues{/number}", "pulls{/number}",
    "milestones{/number}", "notifications{?since,all,participating}", "labels{/name}", "releases{/id}",
    "deployments",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushes:
    """What the deliveries of one round have in common."""

    repo_id: int = REPO_ID
    branch: str = "feature"
    secret: str = SECRET


def requests(count: int, host: str, pushes: Pushes) -> list[bytes]:
    """So many requests as they go over the wire; no two share a delivery id or a commit."""
    mark = "f" * 40
    before, after = _compact(_push(pushes, mark)).split(mark.encode(), 1)
    run = uuid4().hex
    return [_request(host, pushes.secret, before, after, mark, run, number) for number in range(count)]


def _request(host: str, secret: str, before: bytes, after: bytes, mark: str, run: str, number: int) -> bytes:
    sha = f"{run}{number:08x}".encode()
    body = before + sha + after.replace(mark.encode(), sha)
    guid = f"{run[:8]}-{run[8:12]}-4{run[12:15]}-8{run[15:18]}-{number:012x}"
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\nContent-Type: application/json\r\n"
        f"User-Agent: GitHub-Hookshot/9729b30\r\nX-GitHub-Delivery: {guid}\r\nX-GitHub-Event: push\r\n"
        "X-GitHub-Hook-ID: 501234567\r\nX-GitHub-Hook-Installation-Target-ID: 901234\r\n"
        "X-GitHub-Hook-Installation-Target-Type: integration\r\n"
        f"X-Hub-Signature-256: sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _push(pushes: Pushes, sha: str) -> dict[str, Any]:
    """A push of one commit with every field GitHub documents, about 7 KB.

    https://docs.github.com/en/webhooks/webhook-events-and-payloads#push
    """
    web = "https://github.com/ada-lovelace/analytical-engine"
    person = {"name": "Ada Lovelace", "email": "ada@example.org", "username": "ada-lovelace"}
    commit = {
        "id": sha,
        "tree_id": "7b2f" * 10,
        "distinct": True,
        "message": "Let the mill carry in one turn\n\nThe anticipating carriage looks ahead for the nines.",
        "timestamp": "2025-11-22T21:04:11+01:00",
        "url": f"{web}/commit/{sha}",
        "author": person,
        "committer": person,
        "added": ["mill/carriage.py"],
        "removed": [],
        "modified": ["mill/__init__.py", "store/columns.py", "README.md"],
    }
    return {
        "ref": f"refs/heads/{pushes.branch}",
        "before": "3c1d" * 10,
        "after": sha,
        "repository": _repository(pushes.repo_id, web),
        "pusher": {"name": "ada-lovelace", "email": "ada@example.org"},
        "sender": _user(),
        "installation": {"id": 42424242, "node_id": "MDIzOkludGVncmF0aW9uSW5zdGFsbGF0aW9uNDI0MjQyNDI="},
        "created": False,
        "deleted": False,
        "forced": False,
        "base_ref": None,
        "compare": f"{web}/compare/{'3c1d' * 3}...{sha}",
        "commits": [commit],
        "head_commit": commit,
    }


def _repository(repo_id: int, web: str) -> dict[str, Any]:
    api = "https://api.github.com/repos/ada-lovelace/analytical-engine"
    flags = ("fork", "archived", "disabled", "is_template", "has_pages", "has_discussions")
    return {
        "id": repo_id,
        "node_id": "R_kgDOCyNfyg",
        "name": "analytical-engine",
        "full_name": "ada-lovelace/analytical-engine",
        "private": True,
        "owner": {"name": "ada-lovelace", "email": "ada@example.org", **_user()},
        "html_url": web,
        "description": "An engine that weaves algebraical patterns",
        "url": web,
        **{
            f"{place.partition('{')[0].strip('/').replace('/', '_') or 'archive'}_url": f"{api}/{place}"
            for place in _PLACES
        },
        "created_at": 1557933565,
        "updated_at": "2025-11-20T10:11:12Z",
        "pushed_at": 1763841851,
        "git_url": "git://github.com/ada-lovelace/analytical-engine.git",
        "ssh_url": "git@github.com:ada-lovelace/analytical-engine.git",
        "clone_url": f"{web}.git",
        "svn_url": web,
        "homepage": None,
        "size": 51234,
        "language": "Python",
        **dict.fromkeys(flags, False),
        "forks_count": 3,
        "open_issues_count": 7,
        "license": None,
        "topics": [],
        "visibility": "private",
        "default_branch": "main",
        "master_branch": "main",
    }


def _user() -> dict[str, Any]:
    api = "https://api.github.com/users/ada-lovelace"
    links = ("followers", "gists", "starred", "subscriptions", "orgs", "repos", "events", "received_events")
    return {
        "login": "ada-lovelace",
        "id": 18151210,
        "node_id": "MDQ6VXNlcjE4MTUxMjEw",
        "avatar_url": "https://avatars.githubusercontent.com/u/18151210?v=4",
        "gravatar_id": "",
        "url": api,
        "html_url": "https://github.com/ada-lovelace",
        **{f"{name}_url": f"{api}/{name}" for name in links},
        "type": "User",
        "site_admin": False,
    }
