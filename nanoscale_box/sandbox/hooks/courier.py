"""Carries deliveries: one signed POST each, ten seconds at most, never a second try, everything recorded."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import dataclass, field
from urllib.parse import urlencode

import aiohttp
import msgspec

from .. import ids
from ..clock import Clock
from ..faults import Fault, FaultBook, FaultKind
from ..model import Delivery, DeliveryId, HookConfig, HookTarget, InstallationId, Json, RepoId, TargetType
from ..state import State

AGENT = "GitHub-Hookshot/5a4db0b"
BODY_KEPT = 64 * 1024
# GitHub creates no event for payloads above this: https://docs.github.com/en/webhooks/webhook-events-and-payloads
LARGEST_PAYLOAD = 25 * 1024 * 1024
FORM = "application/x-www-form-urlencoded"


@dataclass(slots=True, kw_only=True)
class Courier:
    """Sends in the background. `settled` waits until nothing is under way."""

    state: State
    clock: Clock
    faults: FaultBook
    timeout: float
    session: aiohttp.ClientSession | None = None
    under_way: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self) -> None:
        self.session = aiohttp.ClientSession(
            skip_auto_headers=("Accept-Encoding",), cookie_jar=aiohttp.DummyCookieJar()
        )

    async def close(self) -> None:
        for task in self.under_way:
            task.cancel()
        await asyncio.gather(*self.under_way, return_exceptions=True)
        if self.session is not None:
            await self.session.close()

    async def settled(self) -> None:
        while self.under_way:
            await asyncio.wait(set(self.under_way))

    def send(
        self,
        config: HookConfig,
        target: HookTarget,
        event: str,
        payload: Json,
        *,
        installation_id: InstallationId | None = None,
        repo_id: RepoId | None = None,
        guid: str = "",
        redelivery: bool = False,
    ) -> Delivery | None:
        """Record a delivery and set off with it. None for a payload that GitHub would not send."""
        if not config.url or len(msgspec.json.encode(payload)) > LARGEST_PAYLOAD:
            return None
        delivery = Delivery(
            id=DeliveryId(self.state.ids.next("delivery")),
            guid=guid or ids.guid(),
            target=target,
            event=event,
            action=payload.get("action"),
            payload=payload,
            installation_id=installation_id,
            repo_id=repo_id,
            redelivery=redelivery,
            created_at=self.clock.now(),
            url=config.url,
        )
        self.state.deliveries[delivery.id] = delivery
        fault = self.faults.for_delivery(event, config.url)
        copies = 2 if fault is not None and fault.kind is FaultKind.DUPLICATE else 1
        for _ in range(copies):
            task = asyncio.create_task(self._carry(delivery, config, fault))
            self.under_way.add(task)
            task.add_done_callback(self.under_way.discard)
        return delivery

    async def _carry(self, delivery: Delivery, config: HookConfig, fault: Fault | None) -> None:
        if self.session is None:
            raise RuntimeError("The courier has not been opened.")
        body, headers = letter(delivery, config)
        delivery.request_headers = headers
        if fault is not None and fault.kind is FaultKind.DELAY:
            await self.faults.delay(fault)
        if fault is not None and fault.kind is FaultKind.CORRUPT:
            body = body[:-1] + (b" " if body[-1:] != b" " else b"\n")
        if fault is not None and fault.kind is FaultKind.DROP:
            self._record(delivery, 502, "failed to connect to host", "")
            return
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with self.session.post(
                delivery.url,
                data=body,
                headers=headers,
                allow_redirects=False,
                ssl=config.insecure_ssl != "1",
                timeout=aiohttp.ClientTimeout(total=self.timeout),
            ) as response:
                text = (await response.content.read(BODY_KEPT)).decode("utf-8", "replace")
                delivery.response_headers = dict(response.headers)
                status = "OK" if response.status < 400 else f"Invalid HTTP Response: {response.status}"
                self._record(delivery, response.status, status, text)
        except TimeoutError:
            self._record(delivery, 504, "timed out", "")
        except (aiohttp.ClientError, ValueError) as error:
            self._record(delivery, 502, "failed to connect to host", str(error))
        delivery.duration = loop.time() - started

    def _record(self, delivery: Delivery, code: int, status: str, body: str) -> None:
        delivery.status_code, delivery.status, delivery.response_body = code, status, body
        hook = self.state.hooks.get(delivery.target.hook_id)
        if hook is not None and delivery.target.type is TargetType.REPOSITORY:
            hook.last_code, hook.last_message = code, status
            hook.last_status = "active" if code < 400 else "failed"


def letter(delivery: Delivery, config: HookConfig) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of a delivery; the signature covers the body as sent, form or not."""
    body = msgspec.json.encode(delivery.payload)
    kind = "application/json"
    if config.content_type == "form":
        body, kind = urlencode({"payload": body}).encode(), FORM
    headers = {
        "Accept": "*/*",
        "Content-Type": kind,
        "User-Agent": AGENT,
        "X-GitHub-Delivery": delivery.guid,
        "X-GitHub-Event": delivery.event,
        "X-GitHub-Hook-ID": str(delivery.target.hook_id),
        "X-GitHub-Hook-Installation-Target-ID": str(delivery.target.target_id),
        "X-GitHub-Hook-Installation-Target-Type": delivery.target.type,
    }
    if config.secret:
        key = config.secret.encode()
        headers["X-Hub-Signature"] = "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest()
        headers["X-Hub-Signature-256"] = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
    return body, headers
