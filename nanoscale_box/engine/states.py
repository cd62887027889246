"""Sign-in states: signed, single use, ten minutes, bound to the caller and to the flow they were made for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from nanoscale_box.core.errors import Code, Unauthorized
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.ports import Clock, Place, Vault
from nanoscale_box.engine.records import Ledger, Records

LIFETIME: Final = timedelta(minutes=10)
_KEY = "state_key"
_KEY_PLACE: Final = Place(table="keeper", row=_KEY, column="text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A state to hand to the browser, and until when it works."""

    state: str
    expires_at: datetime


class States:
    """Issues and redeems states. A forged one is refused without a look at the database."""

    def __init__(self, *, ledger: Ledger, vault: Vault, clock: Clock, random: Callable[[int], bytes]) -> None:
        self._ledger = ledger
        self._vault = vault
        self._clock = clock
        self._random = random
        self._key: bytes | None = None

    async def issue(self, flow: str, payload: dict[str, str]) -> Ticket:
        """A new state for `flow`; `payload` waits sealed for the one who brings it back."""
        state = await self._sign(f"{flow}.{_text(self._random(24))}")
        expires_at = self._clock.now() + LIFETIME
        digest = _digest(state)
        sealed = self._vault.seal(Secret(json.dumps(payload)), _payload_place(digest))
        await self._ledger.write(lambda records: records.keeper.put_state(digest, flow, sealed, expires_at))
        return Ticket(state=state, expires_at=expires_at)

    async def redeem(self, flow: str, state: str | None) -> dict[str, str]:
        """The payload of a state, which is spent by this; `Unauthorized` `github_state` for any that is not ours,
        live and unspent."""
        await self.check(flow, state)
        digest, now = _digest(str(state)), self._clock.now()
        sealed = await self._ledger.write(lambda records: records.keeper.take_state(digest, flow, now))
        if sealed is None:
            raise _refused("this link was used already, or is older than ten minutes")
        payload: dict[str, str] = json.loads(self._vault.open(sealed, _payload_place(digest)).reveal())
        return payload

    async def check(self, flow: str, state: str | None) -> None:
        """Refuse a state that this box did not sign for `flow`."""
        body, _, _ = (state or "").rpartition(".")
        if not body.startswith(f"{flow}.") or not hmac.compare_digest(
            (await self._sign(body)).encode("utf-8", "replace"), str(state).encode("utf-8", "replace")
        ):
            raise _refused("this link was not made by this box")

    async def _sign(self, body: str) -> str:
        if self._key is None:
            self._key = await self._load_key()
        return f"{body}.{_text(hmac.digest(self._key, body.encode('utf-8', 'replace'), hashlib.sha256))}"

    async def _load_key(self) -> bytes:
        fresh = Secret(_text(self._random(32)))

        def work(records: Records) -> str:
            sealed = records.keeper.get(_KEY)
            if sealed is None:
                sealed = self._vault.seal(fresh, _KEY_PLACE)
                records.keeper.put(_KEY, sealed)
            return sealed

        return self._vault.open(await self._ledger.write(work), _KEY_PLACE).reveal().encode()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode("utf-8", "replace")).hexdigest()


def _payload_place(digest: str) -> Place:
    return Place(table="oauth_states", row=digest, column="payload")


def _refused(why: str) -> Unauthorized:
    return Unauthorized(Code.GITHUB_STATE, why, hint="start again: nanoscale-box github connect")
