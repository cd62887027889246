"""The doctor looks at the machine, the database, the keys, names, hooks, and at the box from outside."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from nanoscale_box.engine.checkup import Finding
from nanoscale_box.engine.machine import Disk, Outside
from tests.engine.house import House

MIB = 1024 * 1024


async def found(house: House, code: str) -> Finding:
    (one,) = [finding for finding in await house.engine.doctor.look() if finding.code == code]
    return one


@pytest.mark.parametrize(("free", "status"), [(3000, "ok"), (2000, "warn"), (200, "fail")])
async def test_the_disk(house: House, free: int, status: str) -> None:
    house.world.disk = Disk(free=free * MIB, total=10_000 * MIB)
    told = await found(house, "disk")
    assert told.status == status and f"{free:,} of 10,000 MiB" in told.title
    assert (told.fix is None) is (status == "ok")


async def test_names_that_are_not_found(house: House) -> None:
    house.world.unknown_names = {"github.com"}
    told = {one.title: one.status for one in await house.engine.doctor.look() if one.code == "dns"}
    assert told == {"the name github.com is not found": "fail", "box.example.org is found": "ok"}


async def test_a_whole_database_and_keys_in_order(house: House) -> None:
    await house.live(1)
    assert (await found(house, "database")).status == "ok"
    assert (await found(house, "keys")).status == "ok"


async def test_the_box_is_seen_from_outside_by_a_signed_delivery_of_its_own(house: House) -> None:
    await house.connect()

    async def itself(url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Outside:
        assert url == "https://box.example.org/api/integrations/github/webhook"
        receipt = await house.engine.intake.receive(headers, body)
        return Outside(status=200, body=f'{{"delivery_id": "{receipt.delivery_id}"}}'.encode())

    house.world.outside = itself
    assert (await found(house, "public_url")).status == "ok"
    assert (await found(house, "public_url")).status == "ok"  # each look is a delivery of its own


@pytest.mark.parametrize(
    ("seen", "status", "said"),
    [
        (Outside(why="connection refused"), "warn", "cannot be reached from here: connection refused"),
        (Outside(status=401), "fail", "alters what is sent, or leads to another box"),
        (Outside(status=302), "fail", "redirects"),
        (Outside(status=404, body=b"<html>"), "fail", "answers 404: it does not lead to this box"),
        (Outside(status=200, body=b'{"delivery_id": "other"}'), "fail", "answers 200: it does not lead to this box"),
        (Outside(status=200, body=b"[]"), "fail", "does not lead to this box"),
    ],
)
async def test_what_is_wrong_on_the_way(house: House, seen: Outside, status: str, said: str) -> None:
    await house.connect()

    async def answer(*_: object) -> Outside:
        return seen

    house.world.outside = answer
    told = await found(house, "public_url")
    assert told.status == status and said in told.title and told.fix


async def test_a_hook_that_is_gone_is_found_and_mended(house: House) -> None:
    await house.live(1)
    house.hub.hooks.clear()
    broken = [one for one in await house.engine.doctor.look() if one.code == "hooks" and one.status == "warn"]
    assert [one.fixable for one in broken] == [True]
    await house.engine.doctor.mend()
    await house.idle()
    assert all(one.status == "ok" for one in await house.engine.doctor.look() if one.code == "hooks")


async def test_a_quick_look_asks_nobody(house: House) -> None:
    await house.connect()
    codes = {one.code for one in await house.engine.doctor.look(quick=True)}
    assert {"disk", "keys", "github"} <= codes and not codes & {"dns", "public_url", "hooks", "database"}
