"""The outside of a webhook delivery: its headers, its content type and its signature."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal

import msgspec

from nanoscale_box.core.errors import Code, Fault, Invalid, Unauthorized
from nanoscale_box.core.model import DeliveryId
from nanoscale_box.core.secret import Secret

_EVENT: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_GUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SIGNATURE: Final = re.compile(r"sha256=[0-9a-f]{64}")
_HOOK_ID: Final = re.compile(r"[1-9][0-9]{0,17}")
_TARGET: Final = re.compile(r"[a-z_]{1,32}")
_KINDS: Final[dict[str, Literal["json", "form"]]] = {
    "application/json": "json",
    "application/x-www-form-urlencoded": "form",
}

_TARGET_TYPE: Final = "x-github-hook-installation-target-type"
DELIVERY_HEADERS: Final[tuple[str, ...]] = (
    "x-github-event", "x-github-delivery", "x-hub-signature-256", "x-github-hook-id", _TARGET_TYPE, "content-type",
)  # fmt: skip
"""The names of the headers that say anything of a delivery; no other is looked at."""
_KNOWN: Final = frozenset(DELIVERY_HEADERS)


class Headers(msgspec.Struct, frozen=True, kw_only=True):
    """What the headers of a delivery say. Only the signature is known to be well-formed: `flaw` names what else is
    wrong,
    and `parse_delivery` raises it after the signature was checked, so that 401 comes before 400."""

    event: str
    delivery_id: DeliveryId
    signature: bytes
    hook_id: int | None
    """None when absent: the secret is then the App's."""
    target_type: str | None
    """`integration` for the App's hook, `repository` for a repository's; None when absent."""
    content_type: str
    flaw: str | None = None


def content_kind(headers: Headers | Sequence[tuple[str, str]]) -> Literal["json", "form"]:
    """Say how the body is written; works on raw headers too, since 415 is answered before anything else is looked at.

    Raises `Invalid` (`unsupported_media_type`)."""
    if isinstance(headers, Headers):
        content_type = headers.content_type
    else:
        found = [value for name, value in headers if name.lower() == "content-type"]
        content_type = found[0] if len(found) == 1 else ""
    kind = _KINDS.get(content_type) or _KINDS.get(content_type.partition(";")[0].strip().lower())
    if kind is None:
        raise Invalid(
            Code.UNSUPPORTED_MEDIA_TYPE,
            "a delivery is application/json or application/x-www-form-urlencoded; this is neither",
            hint="set the webhook's content type to application/json",
        )
    return kind


def read_headers(pairs: Sequence[tuple[str, str]]) -> Headers:
    """Read the headers of a request. A missing, malformed or repeated signature raises `Unauthorized`
    (`bad_signature`);
    every other flaw waits in `Headers.flaw`."""
    values = dict(pairs)
    repeated = False
    if len(values) < len(pairs) or not _KNOWN.issuperset(values):
        values, repeated = _sorted_out(pairs)
    signature = values.get("x-hub-signature-256", "")
    if not _SIGNATURE.fullmatch(signature):
        raise _bad_signature()
    delivery_id = values.get("x-github-delivery", "").lower()
    event = values.get("x-github-event", "")
    hook_id, target_type, flaw = _origin(event, values.get("x-github-hook-id"), values.get(_TARGET_TYPE))
    if not _GUID.fullmatch(delivery_id):
        flaw = flaw or "X-GitHub-Delivery is missing or no GUID"
    return Headers(
        event=event,
        delivery_id=DeliveryId(delivery_id),
        signature=signature.encode("ascii"),
        hook_id=hook_id,
        target_type=target_type,
        content_type=values.get("content-type", ""),
        flaw="a header stands in it twice" if repeated else flaw,
    )


def _sorted_out(pairs: Sequence[tuple[str, str]]) -> tuple[dict[str, str], bool]:
    """The values by name, however it is written, and whether one stands twice: such a one says nothing."""
    values: dict[str, str] = {}
    repeated: set[str] = set()
    for raw_name, value in pairs:
        name = raw_name.lower()
        if name in values:
            repeated.add(name)
        elif name in _KNOWN:
            values[name] = value
    return values | dict.fromkeys(repeated, ""), bool(repeated)


@lru_cache(maxsize=64)  # the same few over and over
def _origin(event: str, hook_id: str | None, target_type: str | None) -> tuple[int | None, str | None, str | None]:
    """Which hook a delivery comes from, and what is wrong with what says so, as a part of a sentence."""
    number = int(hook_id) if hook_id and _HOOK_ID.fullmatch(hook_id) else None
    kind = target_type if target_type and _TARGET.fullmatch(target_type) else None
    if not _EVENT.fullmatch(event):
        return number, kind, "X-GitHub-Event is missing or malformed"
    if number is None and hook_id is not None:
        return number, kind, "X-GitHub-Hook-ID is malformed"
    if kind is None and target_type is not None:
        return number, kind, "X-GitHub-Hook-Installation-Target-Type is malformed"
    return number, kind, None


def sign(secret: Secret, body: bytes) -> str:
    """Give the value of X-Hub-Signature-256 for `body`.

    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries"""
    return f"sha256={secret.hmac_sha256(body).hex()}"


def check_signature(headers: Headers, body: bytes, secrets: Sequence[Secret]) -> Secret:
    """Give the one of `secrets` that signed exactly this body; an empty secret never does. Raises `Unauthorized`
    (`bad_signature`)."""
    for secret in secrets:
        if secret and hmac.compare_digest(sign(secret, body).encode("ascii"), headers.signature):
            return secret
    raise _bad_signature()


def _bad_signature() -> Unauthorized:
    """The same answer for every reason and every repository: nothing is to be learned from it."""
    return Unauthorized(
        Code.BAD_SIGNATURE,
        "the delivery's signature is missing or wrong",
        hint="set the webhook's secret at GitHub to the one the box knows: nanoscale-box github hooks --repair",
        fault=Fault.GITHUB,
    )
