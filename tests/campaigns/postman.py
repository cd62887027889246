"""Pushes as GitHub's App hook tells them: body, signature and headers, made from what moved."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp

from nanoscale_box.engine.doors import WEBHOOK


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One delivery. Sent again, it is a redelivery: id, body and signature stay."""

    delivery_id: str
    headers: dict[str, str]
    body: bytes


def push_letter(
    secret: str, repo_id: int, moved: Mapping[str, Any], *, ref: str = "refs/heads/main", hook_id: int = 1
) -> Letter:
    """The letter of one hook about a branch that moved from `before` to `after`."""
    body = json.dumps(
        {
            "ref": ref,
            "before": moved["before"],
            "after": moved["after"],
            "deleted": False,
            "repository": {"id": repo_id, "full_name": "ada/campaign"},
            "head_commit": {"message": "a change", "author": {"name": "Ada"}},
            "commits": [],
        }
    ).encode()
    delivery_id = str(uuid4())
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": delivery_id,
        "X-GitHub-Hook-ID": str(hook_id),
        "X-GitHub-Hook-Installation-Target-Type": "integration",
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    return Letter(delivery_id=delivery_id, headers=headers, body=body)


async def post(http: aiohttp.ClientSession, listen: str, letter: Letter) -> tuple[int, dict[str, Any]]:
    """Deliver; status and answer. (0, {}) when nobody answered, which says nothing of whether it was recorded."""
    try:
        async with http.post(f"http://{listen}{WEBHOOK}", data=letter.body, headers=letter.headers) as answer:
            return answer.status, await answer.json(content_type=None)
    except (aiohttp.ClientError, ConnectionError, TimeoutError):
        return 0, {}
