"""A good citizen: budgets shown, limits obeyed, a clock that is off said in a sentence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.github.stand import Stand


async def test_the_budget_shows(connected: Stand) -> None:
    rate = (await connected.client.github_status()).rate
    assert rate and rate.limit == 5000 and 4900 < rate.remaining < 5000
    await connected.order("limits", {"remaining": 42})
    await connected.synced()
    rate = (await connected.client.github_status()).rate
    assert rate and rate.remaining <= 42


async def test_a_limit_that_is_reached_is_said_and_passes(connected: Stand) -> None:
    await connected.order("limits", {"remaining": 0, "principal": f"installation:{connected.installation_id}"})
    await connected.engine.catalogue.start_sync()
    told = (await connected.changes())[-1]
    assert (told["change"], told["code"]) == ("sync_failed", "github_rate_limited")
    assert "opens again in" in str(told["detail"])
    asked = len(await connected.requests("GET", "/installation/repositories"))
    await connected.engine.catalogue.start_sync()
    assert len(await connected.requests("GET", "/installation/repositories")) == asked, "nothing is asked meanwhile"
    connected.time.passed += 3700
    connected.sandbox.clock.advance(3700)
    await connected.synced()
    assert (await connected.changes())[-1]["change"] == "synced"


@pytest.mark.parametrize(("minutes", "word"), [(7, "ahead of"), (-70, "behind")])
async def test_a_clock_that_is_off_is_said_and_mends_itself(connected: Stand, minutes: int, word: str) -> None:
    connected.time.off = timedelta(minutes=minutes)
    await connected.engine.catalogue.start_sync()
    await connected.engine.catalogue.start_sync()
    (problem,) = (await connected.client.github_status()).problems
    assert f"{abs(minutes)} minutes {word} GitHub's" in problem
    finding = next(one for one in await connected.engine.doctor.look() if one.code == "clock")
    assert finding.status == "warn" and finding.fix and "ntp" in finding.fix
    connected.time.off = timedelta()
    await connected.synced()
    assert (await connected.client.github_status()).problems == []


async def test_hooks_of_many_repositories_are_written_a_second_apart(connected: Stand) -> None:
    before = connected.time.passed
    for name in ("ada/hello", "ada/website", "ada/api"):
        await connected.create(name)
    assert len(await connected.hooks()) == 3 and connected.time.passed - before >= 2
