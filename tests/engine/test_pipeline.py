"""The pipeline: one deployment from head to route, failed, cancelled and killed at every call it makes."""

from __future__ import annotations

from tests.engine.house import House, sha


async def test_a_deployment_goes_live_and_the_old_one_is_retired(house: House) -> None:
    await house.live(1)
    assert house.serves() == sha(1)
    await house.push(2)
    await house.idle()
    assert house.serves() == sha(2)
    assert await house.states() == ["retired", "live"]
    await house.check_clean()
    print(house.world.calls.names)
