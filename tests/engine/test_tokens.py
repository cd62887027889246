"""Bearer tokens: shown once, kept as digests, good until revoked or expired."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nanoscale_box.core.errors import BoxError, Code, Conflict, Invalid, NotFound, Unauthorized
from nanoscale_box.core.secret import Secret
from nanoscale_box.core.tokens import ApiToken, Scope, TokenId
from nanoscale_box.engine.records import AuditFilter, Page
from tests.engine.house import House

ME = "uid:1000"


async def make(house: House, name: str = "dashboard", days: int | None = None) -> tuple[ApiToken, Secret]:
    return await house.engine.upkeep.tokens.create(name, Scope.READ, days, caller=ME)


async def refused(house: House, text: Secret) -> BoxError:
    with pytest.raises(Unauthorized) as told:
        await house.engine.upkeep.tokens.recognise(text)
    return told.value


async def test_a_token_is_recognised_and_its_text_is_nowhere(house: House) -> None:
    made, text = await make(house)
    assert await house.engine.upkeep.tokens.recognise(text) == made
    (listed,) = await house.engine.upkeep.tokens.list()
    assert listed.last_used_at == house.world.now and text.reveal() not in repr(listed)


async def test_the_last_use_is_noted_once_a_minute(house: House) -> None:
    _, text = await make(house)
    for seconds in (0, 59, 1):
        house.world.now += timedelta(seconds=seconds)
        await house.engine.upkeep.tokens.recognise(text)
    (listed,) = await house.engine.upkeep.tokens.list()
    assert listed.last_used_at == house.world.now
    house.world.now += timedelta(seconds=59)
    await house.engine.upkeep.tokens.recognise(text)
    assert (await house.engine.upkeep.tokens.list())[0].last_used_at == listed.last_used_at


async def test_revoked_expired_and_made_up_tokens_are_refused_in_the_same_words(house: House) -> None:
    made, revoked = await make(house)
    await house.engine.upkeep.tokens.revoke(made.id, caller=ME)
    _, expired = await make(house, "short", days=1)
    house.world.now += timedelta(days=1)
    told = {
        str(await refused(house, text))
        for text in (revoked, expired, Secret(""), Secret(f"nsb_{'a' * 43}"), Secret(revoked.reveal() + "a"))
    }
    assert len(told) == 1


async def test_names_are_taken_once_and_are_plain_text(house: House) -> None:
    await make(house)
    with pytest.raises(Conflict) as taken:
        await make(house, "DASHBOARD")
    assert taken.value.code is Code.NAME_TAKEN
    for name in ("", " x", "a\x1b[2Jb", "a\nb"):
        with pytest.raises(Invalid):
            await make(house, name)
    with pytest.raises(NotFound):
        await house.engine.upkeep.tokens.revoke(TokenId("tok_0"), caller=ME)


async def test_making_and_revoking_stand_in_the_audit(house: House) -> None:
    made, _ = await make(house)
    await house.engine.upkeep.tokens.revoke(made.id, caller=ME)
    entries, _ = await house.engine.upkeep.audit.list(AuditFilter(who=ME), Page())
    assert [(one.act.action, one.act.target) for one in entries] == [
        ("token.revoked", made.id),
        ("token.created", made.id),
    ]
