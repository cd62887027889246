"""Hooks and their deliveries as JSON."""

from __future__ import annotations

from typing import Any

from ..clock import iso
from ..model import Delivery, HookConfig, RepoHook, TargetType
from ..world import World

HIDDEN = "********"


def hook_config(config: HookConfig) -> dict[str, Any]:
    """A hook's configuration; whether there is a secret shows, the secret does not."""
    found = {"content_type": config.content_type, "insecure_ssl": config.insecure_ssl, "url": config.url or ""}
    if config.secret is not None:
        found["secret"] = HIDDEN
    return found


def repo_hook(world: World, hook: RepoHook) -> dict[str, Any]:
    api = f"{world.api_url}/repos/{world.state.full_name(world.state.repos[hook.repo_id])}/hooks/{hook.id}"
    return {
        "type": "Repository",
        "id": hook.id,
        "name": "web",
        "active": hook.active,
        "events": list(hook.events),
        "config": hook_config(hook.config),
        "updated_at": iso(hook.updated_at),
        "created_at": iso(hook.created_at),
        "url": api,
        "test_url": f"{api}/test",
        "ping_url": f"{api}/pings",
        "deliveries_url": f"{api}/deliveries",
        "last_response": {"code": hook.last_code, "status": hook.last_status, "message": hook.last_message},
    }


def delivery_item(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": iso(delivery.created_at),
        "redelivery": delivery.redelivery,
        "duration": round(delivery.duration, 3),
        "status": delivery.status,
        "status_code": delivery.status_code,
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": delivery.installation_id,
        "repository_id": delivery.repo_id,
        "throttled_at": None,
    }


def delivery_whole(delivery: Delivery) -> dict[str, Any]:
    return {
        **delivery_item(delivery),
        "url": delivery.url,
        "request": {"headers": dict(delivery.request_headers), "payload": delivery.payload},
        "response": {"headers": dict(delivery.response_headers), "payload": delivery.response_body},
    }


def delivery_for_control(delivery: Delivery) -> dict[str, Any]:
    """The whole delivery, which hook it went to, and when it set off to the microsecond, in seconds since 1970."""
    app = delivery.target.type is TargetType.INTEGRATION
    return {
        **delivery_whole(delivery),
        "target_type": delivery.target.type,
        "target_id": delivery.target.target_id,
        "hook_id": delivery.target.hook_id,
        "from": "app" if app else "repository",
        "sent_at": delivery.created_at.timestamp(),
    }
