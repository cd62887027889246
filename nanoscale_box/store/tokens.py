"""Bearer tokens, by their digests."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from nanoscale_box.core.tokens import ApiToken, Scope, TokenId
from nanoscale_box.store.rows import time_of, time_or_none, time_text, time_text_or_none
from nanoscale_box.store.sql import Row, Sql, columns, inserting, selecting

_NAMES: Final = ("id", "name", "digest", "scope", "created_at", "expires_at", "last_used_at")
_ADD: Final = inserting("api_tokens", _NAMES)
_SELECT: Final = selecting("api_tokens", columns("api_tokens", _NAMES))
_ALL: Final = f"{_SELECT} ORDER BY created_at, id"
_BY_DIGEST: Final = f"{_SELECT} WHERE digest = ?"


class Tokens:
    """The tokens; engine.records says what each method promises."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    def add(self, token: ApiToken) -> None:
        """Record a token; Conflict `name_taken` when its name is in use."""
        self._sql.change(
            _ADD,
            (
                token.id,
                token.name,
                token.digest,
                token.scope,
                time_text(token.created_at),
                time_text_or_none(token.expires_at),
                time_text_or_none(token.last_used_at),
            ),
        )

    def list(self) -> list[ApiToken]:
        """All tokens, oldest first."""
        return [_token(row) for row in self._sql.all(_ALL)]

    def by_digest(self, digest: str) -> ApiToken | None:
        """The token with this digest, or None."""
        row = self._sql.one(_BY_DIGEST, (digest,))
        return _token(row) if row else None

    def used(self, token_id: TokenId, at: datetime) -> None:
        """Note when a token was used last."""
        self._sql.change("UPDATE api_tokens SET last_used_at = ? WHERE id = ?", (time_text(at), token_id))

    def remove(self, token_id: TokenId) -> bool:
        """Forget a token; False when there is none of that id."""
        return self._sql.change("DELETE FROM api_tokens WHERE id = ?", (token_id,)) > 0


def _token(row: Row) -> ApiToken:
    return ApiToken(
        id=TokenId(row[0]),
        name=row[1],
        digest=row[2],
        scope=Scope(row[3]),
        created_at=time_of(row[4]),
        expires_at=time_or_none(row[5]),
        last_used_at=time_or_none(row[6]),
    )
