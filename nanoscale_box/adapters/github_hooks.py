"""Webhooks at GitHub: a repository's own, the App's, and what became of the App's deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from nanoscale_box.adapters import github_shapes as shapes
from nanoscale_box.adapters.github_calls import GONE, Caller, Calls, Reply, nothing
from nanoscale_box.adapters.github_http import refused_answer
from nanoscale_box.core.errors import Code, Conflict, NotFound, Unavailable
from nanoscale_box.core.github_model import AppDelivery, Hook
from nanoscale_box.core.model import RepoId
from nanoscale_box.core.secret import Secret

EVENTS = ("push", "meta")
"""`meta` tells that this very hook was deleted."""


class Hooks:
    """Creates, finds, changes and deletes hooks."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def of(self, caller: Caller, repo_id: RepoId) -> list[Hook]:
        """The repository's hooks."""
        try:
            pages = self._calls.pages(caller, f"/repositories/{repo_id}/hooks?per_page=100", shapes.hooks)
            return [hook async for page in pages for hook in page]
        except NotFound as error:
            raise _unseen(repo_id) from error

    async def create(self, caller: Caller, repo_id: RepoId, url: str, secret: Secret) -> Hook:
        """Create a push hook; `Conflict` when one with this URL is there."""
        reply = await self._calls.write(
            caller,
            "POST",
            f"/repositories/{repo_id}/hooks",
            {"name": "web", "active": True, "events": list(EVENTS), "config": _config(url, secret)},
            read=shapes.hook,
            take=frozenset({404, 422}),
        )
        if reply.status == 422 and "already exists" in reply.words.lower():
            raise Conflict(
                Code.STATE_CONFLICT,
                f"The repository {repo_id} has a webhook with this URL already.",
                hint="Use the one that is there.",
            )
        if reply.status == 422:
            raise _refused_hook(reply)
        if reply.value is None:
            raise _unseen(repo_id)
        return reply.value

    async def update(self, caller: Caller, repo_id: RepoId, hook_id: int, url: str, secret: Secret) -> Hook:
        """Set URL, secret and active; `NotFound` when the hook is gone."""
        reply = await self._calls.write(
            caller,
            "PATCH",
            f"/repositories/{repo_id}/hooks/{hook_id}",
            {"active": True, "events": list(EVENTS), "config": _config(url, secret)},
            read=shapes.hook,
            take=frozenset({422}),
            again=True,
        )
        if reply.value is None:
            raise _refused_hook(reply)
        return reply.value

    async def delete(self, caller: Caller, repo_id: RepoId, hook_id: int) -> None:
        """Delete a hook; one that is gone already is fine."""
        path = f"/repositories/{repo_id}/hooks/{hook_id}"
        await self._calls.write(caller, "DELETE", path, read=nothing, take=GONE, again=True)

    async def set_app_hook(self, app: Caller, url: str, secret: Secret) -> None:
        """Point the App's own hook at `url`. It cannot be switched on this way if the owner switched it off."""
        await self._calls.write(app, "PATCH", "/app/hook/config", _config(url, secret), read=nothing, again=True)

    async def app_hook_url(self, app: Caller) -> str | None:
        """Where the App's own hook points; None if it has none."""
        return await self._calls.find(app, "/app/hook/config", shapes.app_hook_url) or None

    async def deliveries(self, app: Caller, since: datetime) -> Sequence[AppDelivery]:
        """The App's deliveries since then, newest first; GitHub keeps them for three days."""
        found: list[AppDelivery] = []
        async for page in self._calls.pages(app, "/app/hook/deliveries?per_page=100", shapes.deliveries):
            fresh = [_delivery(one) for one in page if one.delivered_at >= since]
            found += fresh
            if len(fresh) < len(page):
                break
        return found

    async def redeliver(self, app: Caller, delivery_id: int) -> bool:
        """Ask GitHub to deliver once more, under the same GUID; False when it keeps the delivery no longer."""
        path = f"/app/hook/deliveries/{delivery_id}/attempts"
        reply = await self._calls.write(app, "POST", path, read=nothing, take=frozenset({404, 422}))
        return reply.value is not None


def _config(url: str, secret: Secret) -> dict[str, Any]:
    """Always whole: GitHub removes a secret that is left out."""
    return {"url": url, "content_type": "json", "insecure_ssl": "0", "secret": secret.reveal()}


def _delivery(found: shapes.Delivery) -> AppDelivery:
    return AppDelivery(
        id=found.id,
        guid=found.guid,
        event=found.event,
        delivered_at=found.delivered_at,
        status_code=found.status_code,
        redelivery=found.redelivery,
    )


def _unseen(repo_id: RepoId) -> Unavailable:
    return Unavailable(
        Code.REPOSITORY_UNKNOWN,
        f"GitHub does not let the App see the webhooks of the repository {repo_id}.",
        hint='Grant the App "Webhooks: read and write" and access to the repository; until then the box polls.',
    )


def _refused_hook(reply: Reply[Hook]) -> Unavailable:
    if not reply.words:
        return refused_answer("GitHub refused the webhook without saying why.")
    return Unavailable(
        Code.GITHUB_REFUSED,
        f"GitHub refused the webhook: {reply.words}.",
        hint="Check the box's public URL, and that the repository has no more than 20 webhooks.",
    )
