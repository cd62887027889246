"""`keys list` and `keys rotate` as they are typed."""

from __future__ import annotations

from tests.cli.conftest import Type
from tests.web.fake_engine import FakeEngine


async def test_rotating_tells_how_far_it_is_and_that_it_is_done(box: Type, engine: FakeEngine) -> None:
    told = await box("keys", "rotate")
    assert (told.status, engine.keys.made) == (0, 1)
    assert "3 secrets to seal anew" in told.err and "may be removed" in told.err


async def test_it_need_not_be_waited_for(box: Type) -> None:
    assert "keys list" in (await box("keys", "rotate", "--no-wait")).err


async def test_keys_are_told_by_id_and_use(box: Type) -> None:
    told = await box("keys", "list")
    assert told.out.splitlines() == ["key_new  seals  1 secret", "key_old  opens  3 secrets"]
