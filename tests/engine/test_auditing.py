"""What the box and GitHub do stands in the audit, in the commit that does it."""

from __future__ import annotations

from nanoscale_box.core.audit import Entry
from nanoscale_box.engine.records import AuditFilter, Page
from tests.engine.house import House, sha


async def entries(house: House, **wanted: str) -> list[Entry]:
    found, _ = await house.engine.upkeep.audit.list(AuditFilter(**wanted), Page(limit=200))
    return list(reversed(found))


async def test_an_accepted_push_and_what_became_of_it(house: House) -> None:
    await house.live(1)
    before = len(await entries(house))
    await house.push(2)
    await house.idle()
    told = [(one.act.who, one.act.action, one.act.sha) for one in (await entries(house))[before:]]
    assert told == [("github", "delivery.accepted", sha(2)), ("box", "deployment.deployed", sha(2))]
    assert (await house.engine.upkeep.audit.check()).broken_at is None


async def test_a_push_that_deploys_nothing_adds_nothing(house: House) -> None:
    await house.live(1)
    before = await entries(house)
    await house.push(2, branch="other")
    assert await entries(house) == before


async def test_the_account_and_the_hook(house: House) -> None:
    await house.live(1)
    assert [one.act.detail for one in await entries(house, action="github.connected")] == ["ada"]
    assert len(await entries(house, action="hook.settled")) == 1
    await house.engine.projects.delete((await house.project()).id)
    await house.idle()
    assert len(await entries(house, action="hook.removed")) == 1
