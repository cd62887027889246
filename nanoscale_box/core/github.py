"""GitHub's dialect: headers and bytes in, a `Delivery` or a refusal out. Its type *means* verified.

In this order: `content_kind` (415), `read_headers` and `check_signature` (401), `parse_delivery` (400).
"""

from __future__ import annotations

import hashlib
import json
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from nanoscale_box.core.errors import Code, Fault, Invalid
from nanoscale_box.core.github_events import (
    READERS,
    AuthorizationRevoked,
    ChecksNews,
    GithubChange,
    HookNews,
    InstallationChange,
    Numbered,
    RepositoriesChange,
    RepositoryChange,
)
from nanoscale_box.core.github_headers import Headers, check_signature, content_kind, read_headers, sign
from nanoscale_box.core.github_push import Push, read_push, skip_marker
from nanoscale_box.core.model import DeliveryId, InstallationId, RepoId
from nanoscale_box.core.secret import Secret
from nanoscale_box.core.text import inert

__all__ = [
    "AuthorizationRevoked",
    "ChecksNews",
    "Delivery",
    "GithubChange",
    "Headers",
    "HookNews",
    "InstallationChange",
    "Push",
    "RepositoriesChange",
    "RepositoryChange",
    "check_signature",
    "content_kind",
    "parse_delivery",
    "read_headers",
    "same_body",
    "sign",
    "skip_marker",
]


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One verified webhook call. `push` and `change` are set for the events the box understands, neither for any
    other."""

    delivery_id: DeliveryId
    event: str
    action: str | None
    hook_id: int | None
    target_type: str | None
    body_mark: str
    """The mark of the secret that signed it and the first half of its signature, which no other body has: the same id
    with another mark of the same secret is a conflict (see `same_body`)."""
    repo_id: RepoId | None
    installation_id: InstallationId | None
    push: Push | None
    change: GithubChange | None
    body: bytes
    """As it came."""


class _Envelope(msgspec.Struct, frozen=True):
    action: str | None = None
    repository: Numbered | None = None
    installation: Numbered | None = None


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_HALF: Final = slice(len("sha256="), len("sha256=") + 32)
"""128 bits name a body, and are not enough to send it again."""
_SHA256: Final = 64


def parse_delivery(headers: Headers, body: bytes, signed_with: Secret) -> Delivery:
    """Read a delivery whose signature was checked. Raises `Invalid`: `not_a_delivery` when the headers are not
    GitHub's,
    `malformed_delivery` when the body is not what GitHub documents, and nothing else whatever the body is."""
    if headers.flaw:
        raise Invalid(Code.NOT_A_DELIVERY, f"this is not a GitHub delivery: {headers.flaw}", fault=Fault.GITHUB)
    kind = content_kind(headers)
    try:
        payload = body if kind == "json" else _out_of_form(body)
        return _read(headers, body, payload, f"{signed_with.mark}:{headers.signature[_HALF].decode()}")
    except (ValueError, RecursionError) as why:
        # msgspec's errors, bad UTF-8, and numbers too long for int() are all ValueErrors.
        raise Invalid(
            Code.MALFORMED_DELIVERY,
            f"the {headers.event} delivery is signed but not what GitHub documents: {inert(str(why), limit=200)}",
            fault=Fault.GITHUB,
        ) from why


def same_body(recorded: str, delivery: Delivery) -> bool | None:
    """Whether the delivery has the body that left this mark; None: it cannot be told, since the secret was replaced in
    between. Earlier boxes recorded the body's SHA-256 in hex."""
    if recorded == delivery.body_mark:
        return True
    if len(recorded) == _SHA256:
        return recorded == hashlib.sha256(delivery.body).hexdigest()
    return False if recorded.partition(":")[0] == delivery.body_mark.partition(":")[0] else None


def _read(headers: Headers, body: bytes, payload: bytes, mark: str) -> Delivery:
    push = change = action = None
    if headers.event == "push":
        push, installation_id, doubtful = read_push(payload)
        repo_id: RepoId | None = push.repo_id
        if doubtful:
            _refuse_repeated_keys(payload)
    else:
        _refuse_repeated_keys(payload)
        envelope = _ENVELOPE.decode(payload)
        action = inert(envelope.action, limit=64) if envelope.action is not None else None
        repo_id = RepoId(envelope.repository.id) if envelope.repository else None
        installation_id = InstallationId(envelope.installation.id) if envelope.installation else None
        reader = READERS.get(headers.event)
        change = reader(headers.event, payload) if reader else None
    return Delivery(
        delivery_id=headers.delivery_id,
        event=headers.event,
        action=action,
        hook_id=headers.hook_id,
        target_type=headers.target_type,
        body_mark=mark,
        repo_id=repo_id,
        installation_id=installation_id,
        push=push,
        change=change,
        body=body,
    )


def _out_of_form(body: bytes) -> bytes:
    """The one field `payload` of an application/x-www-form-urlencoded body."""
    name, equals, value = body.partition(b"=")
    if name != b"payload" or not equals or b"&" in value:
        raise ValueError("the form must have one field, payload")
    return unquote_to_bytes(value.replace(b"+", b" "))


def _refuse_repeated_keys(payload: bytes) -> None:
    """Two readers of one text may believe different ones of two equal keys; GitHub writes none."""
    json.loads(payload, object_pairs_hook=_distinct)


def _distinct(pairs: list[tuple[str, object]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key stands in it twice")
