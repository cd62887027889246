"""Registering an App: reads a manifest as GitHub does, says what is wrong with it, makes keys and secrets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from . import ids, permissions
from .hooks.events import ping_app
from .model import Account, App, AppId, HookConfig, HookId, ManifestCode
from .world import World

CODE_LIFE = timedelta(hours=1)
KEY_BITS = 2048
LONGEST_NAME = 34
MOST_CALLBACKS = 10
KNOWN_FIELDS = frozenset(
    {
        "name",
        "url",
        "hook_attributes",
        "redirect_url",
        "callback_urls",
        "setup_url",
        "description",
        "public",
        "default_events",
        "default_permissions",
        "request_oauth_on_install",
        "setup_on_update",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest that has been read; `problems` are GitHub's sentences about it, none if it will do.

    https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
    """

    data: Mapping[str, Any]
    problems: tuple[str, ...]

    @property
    def name(self) -> str:
        return str(self.data.get("name") or "")

    @property
    def redirect_url(self) -> str:
        return str(self.data.get("redirect_url") or "")


def read_manifest(text: str) -> Manifest:
    try:
        data = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return Manifest(data={}, problems=("The manifest is not valid JSON.",))
    if not isinstance(data, dict):
        return Manifest(data={}, problems=("The manifest is not a JSON object.",))
    return Manifest(data=data, problems=tuple(_problems(data)))


def _problems(data: Mapping[str, Any]) -> list[str]:
    found = [f'"{name}" is not a known property.' for name in sorted(data.keys() - KNOWN_FIELDS)]
    found += _url_problems(data)
    hook = data.get("hook_attributes")
    if hook is not None and (not isinstance(hook, dict) or not _is_url(hook.get("url"))):
        found.append("hook_attributes must have a url that is a URL.")
    if isinstance(hook, dict) and not isinstance(hook.get("active", True), bool):
        found.append("hook_attributes.active must be true or false.")
    for name in ("public", "request_oauth_on_install", "setup_on_update"):
        if not isinstance(data.get(name, False), bool):
            found.append(f"{name} must be true or false.")
    wanted, events = data.get("default_permissions", {}), data.get("default_events", [])
    if not isinstance(wanted, dict):
        return [*found, "default_permissions must be an object."]
    found += [f"Default permission records resource is not included in the list: {name}" for name in _unknown(wanted)]
    found += [
        f"Default permission {n} must be read, write or admin." for n, level in wanted.items() if not _is_level(level)
    ]
    if not isinstance(events, list):
        return [*found, "default_events must be a list."]
    return found + _event_problems(events, wanted)


def _url_problems(data: Mapping[str, Any]) -> list[str]:
    found = []
    if not _is_url(data.get("url")):
        found.append("url must be a URL.")
    optional = [name for name in ("redirect_url", "setup_url") if data.get(name) is not None]
    found += [f"{name} must be a URL." for name in optional if not _is_url(data[name])]
    callbacks = data.get("callback_urls", [])
    if not isinstance(callbacks, list) or not all(_is_url(one) for one in callbacks):
        found.append("callback_urls must be a list of URLs.")
    elif len(callbacks) > MOST_CALLBACKS:
        found.append(f"callback_urls must be at most {MOST_CALLBACKS}.")
    return found


def _event_problems(events: list[Any], wanted: Mapping[str, Any]) -> list[str]:
    held = permissions.with_metadata({str(name): str(level) for name, level in wanted.items()})
    found = []
    for event in events:
        need = permissions.EVENT_NEEDS.get(str(event))
        if need is None:
            found.append(f"Default events unknown: {event}")
        elif not permissions.allows(held, need, "read"):
            found.append(f"Default events unsupported: {event} needs the permission {need}")
    return found


def _unknown(wanted: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in wanted if name not in permissions.KNOWN)


def _is_level(level: object) -> bool:
    return level in ("read", "write", "admin")


def _is_url(value: object) -> bool:
    return isinstance(value, str) and re.match(r"https?://[^\s/]+", value) is not None


def name_problem(world: World, name: str) -> str | None:
    """Why an App cannot have this name, or None."""
    if not name.strip():
        return "Name can't be blank."
    if len(name) > LONGEST_NAME:
        return f"Name is too long (maximum is {LONGEST_NAME} characters)."
    if not slug_of(name):
        return "Name must contain letters or digits."
    if any(app.slug == slug_of(name) for app in world.state.apps.values()):
        return "Name is already taken."
    return None


def slug_of(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def new_keys() -> tuple[str, str]:
    """A fresh RSA key as two PEM texts: private, public."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


async def register(
    world: World, manifest: Manifest, owner: Account, name: str = "", *, keys: tuple[str, str] | None = None
) -> App:
    """Make the App that `manifest` describes, with fresh secrets, and fresh keys unless some are given."""
    private, public = await asyncio.to_thread(new_keys) if keys is None else keys
    data, now = manifest.data, world.clock.now()
    hook = data.get("hook_attributes")
    wanted = {str(key): str(level) for key, level in (data.get("default_permissions") or {}).items()}
    number = AppId(world.state.ids.next("app"))
    app = App(
        id=number,
        slug=slug_of(name or manifest.name),
        name=name or manifest.name,
        owner_id=owner.id,
        client_id="Iv23li" + ids.letters(14),
        client_secret=ids.hex_secret(40),
        external_url=str(data["url"]),
        description=data.get("description"),
        callback_urls=list(data.get("callback_urls") or []),
        setup_url=data.get("setup_url"),
        setup_on_update=bool(data.get("setup_on_update", False)),
        public=bool(data.get("public", False)),
        permissions=permissions.with_metadata(wanted),
        events=list(data.get("default_events") or []),
        request_oauth_on_install=bool(data.get("request_oauth_on_install", False)),
        hook=HookConfig(
            url=hook["url"] if hook else None, secret=ids.hex_secret(40) if hook else None, content_type="json"
        ),
        hook_id=HookId(world.state.ids.next("hook")),
        hook_active=bool(hook and hook.get("active", True)),
        private_pem=private,
        public_pem=public,
        created_at=now,
        updated_at=now,
    )
    world.state.apps[app.id] = app
    ping_app(world, app)
    return app


def new_manifest_code(world: World, app: App) -> str:
    code = ids.hex_secret(40)
    world.state.manifest_codes[code] = ManifestCode(app_id=app.id, expires_at=world.clock.now() + CODE_LIFE)
    return code


def convert(world: World, code: str) -> App | None:
    """The App behind a registration code, once and within the hour."""
    found = world.state.manifest_codes.pop(code, None)
    if found is None or found.expires_at <= world.clock.now():
        return None
    return world.state.apps.get(found.app_id)
