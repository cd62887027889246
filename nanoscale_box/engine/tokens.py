"""Bearer tokens of the API: made, listed, revoked, and recognised at the door."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from nanoscale_box.core.audit import Act
from nanoscale_box.core.errors import Code, Invalid, NotFound, Unauthorized
from nanoscale_box.core.secret import Secret
from nanoscale_box.core.text import inert
from nanoscale_box.core.tokens import TOKEN_BYTES, ApiToken, Scope, TokenId, token_digest, write_token
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.records import Records

_NOTED_EVERY: Final = timedelta(minutes=1)
"""How exact the last use of a token is: one row a minute is little, one a request would be much."""


class Tokens:
    """All tokens of the box."""

    def __init__(self, desk: Desk) -> None:
        self._ledger = desk.ledger
        self._clock = desk.clock
        self._ids = desk.ids
        self._random = desk.random

    async def create(
        self, name: str, scope: Scope, expires_in_days: int | None, *, caller: str
    ) -> tuple[ApiToken, Secret]:
        """A new token and its text, which nobody can ask for again. Conflict `name_taken`."""
        if name != inert(name).strip() or not name:
            raise Invalid(Code.INVALID_NAME, "a token's name is plain text", hint="leave control characters out")
        text, now = write_token(self._random(TOKEN_BYTES)), self._clock.now()
        token = ApiToken(
            id=TokenId(self._ids.new("tok")),
            name=name,
            digest=token_digest(text.reveal()) or "",
            scope=scope,
            created_at=now,
            expires_at=now + timedelta(days=expires_in_days) if expires_in_days else None,
        )

        def work(records: Records) -> None:
            records.tokens.add(token)
            records.audit.add(Act(who=caller, action="token.created", target=token.id, detail=f"{name}: {scope}"), now)

        await self._ledger.write(work)
        return token, text

    async def list(self) -> Sequence[ApiToken]:
        """All tokens, oldest first; expired ones too, until they are revoked."""
        return await self._ledger.read(lambda records: records.tokens.list())

    async def revoke(self, token_id: TokenId, *, caller: str) -> None:
        """Let a token open nothing any more, from the next request on."""

        def work(records: Records) -> None:
            if not records.tokens.remove(token_id):
                raise NotFound(Code.NOT_FOUND, "there is no such token", hint="list them: nanoscale-box token list")
            records.audit.add(Act(who=caller, action="token.revoked", target=token_id), self._clock.now())

        await self._ledger.write(work)

    async def recognise(self, presented: Secret) -> ApiToken:
        """Whose token it is; `Unauthorized`, in the same words whether it is unknown, revoked or expired."""
        digest, now = token_digest(presented.reveal()), self._clock.now()
        found = await self._ledger.read(lambda records: records.tokens.by_digest(digest)) if digest else None
        if found is None or found.expired(now):
            raise Unauthorized(
                Code.UNAUTHORIZED,
                "the bearer token is missing, unknown, revoked or expired",
                hint="make one on the box's machine: nanoscale-box token create NAME --scope read",
            )
        if found.last_used_at is None or now - found.last_used_at >= _NOTED_EVERY:
            await self._ledger.write(lambda records: records.tokens.used(found.id, now))
        return found
