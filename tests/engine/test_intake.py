"""Intake: which secret signs, what is recorded, and how many deployments a push is owed."""

from __future__ import annotations

import asyncio
import json
from itertools import permutations
from pathlib import Path
from urllib.parse import quote_plus
from uuid import UUID

import pytest

from nanoscale_box.core.decide import ZERO_SHA
from nanoscale_box.core.errors import BoxError, Code, Conflict, Fault, Invalid, Unauthorized, Unavailable
from nanoscale_box.core.model import Outcome
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.keyring import link_place
from nanoscale_box.engine.records import AuditFilter, Page
from nanoscale_box.engine.views import ProjectChanges
from tests.engine.house import APP_HOOK, House, Moved, S, open_house, sha
from tests.fake_github import APP


async def test_a_push_is_accepted_and_ends_as_the_running_release(house: House) -> None:
    await house.live(1)
    receipt = await house.push(2)
    assert (receipt.status, receipt.http_status) == ("accepted", 202)
    assert [v.outcome for v in receipt.verdicts] == [Outcome.QUEUED]
    await house.idle()
    verdict = (await house.verdicts())[-1]
    assert (verdict.outcome, verdict.reason) == (Outcome.DEPLOYED, "deployed 0000000 as #2")
    assert verdict.delivery_id == receipt.delivery_id


async def test_each_hook_is_checked_with_its_own_secret(house: House) -> None:
    await house.live(1)
    raw = house.delivery(house.commit(2))[1]
    own = house.signed("push", json.loads(raw), "repository")[0]
    hook_id = int(dict(own)["X-GitHub-Hook-ID"])
    ((_, secret),) = house.hub.hooks.values()
    wrong = [
        house.headers("push", raw, hook_id, "repository", APP.webhook_secret),
        house.headers("push", raw, APP_HOOK, "app", secret),
        house.headers("push", raw, hook_id, "repository", Secret("")),
        house.headers("push", raw, 5, "repository", secret),
    ]
    before = house.digest()
    for headers in wrong:
        with pytest.raises(Unauthorized) as refused:
            await house.engine.intake.receive(headers, raw)
        assert refused.value.code is Code.BAD_SIGNATURE
    assert house.digest() == before
    assert (await house.engine.intake.receive(own, raw)).http_status == 202


async def test_a_hook_that_told_before_its_id_was_recorded_is_believed(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.connect()
        house.world.calls.block("github.create_hook")
        house.world.calls.block("source.head")  # or the first deployment finds the commit that is told below
        await house.create()
        project = await house.project()
        sealed = await house.database.read(lambda records: records.projects.link_secret(project.id))
        secret = house.vault.open(str(sealed), link_place(project.id))
        raw = house.delivery(house.commit(2))[1]
        receipt = await house.engine.intake.receive(house.headers("push", raw, 77, "repository", secret), raw)
        assert receipt.status == "accepted"
        await house.kill()


async def test_a_repositorys_secret_does_not_speak_for_another_repository(house: House) -> None:
    await house.live(1)
    await house.live(10, "other", repo_id=1002)
    moved = Moved(before=sha(10), after=sha(11), repo_id=1002)
    raw = house.delivery(moved)[1]
    headers = house.signed("push", json.loads(raw), "repository", repo_id=1001)[0]
    before = house.digest()
    with pytest.raises(Unauthorized):
        await house.engine.intake.receive(headers, raw)
    assert house.digest() == before


async def test_an_id_is_handled_once(house: House) -> None:
    await house.live(1)
    delivery = house.delivery(house.commit(2))
    first = await house.engine.intake.receive(*delivery)
    again = await house.engine.intake.receive(*delivery)
    assert (again.status, again.http_status) == ("duplicate", 200)
    assert [v.id for v in again.verdicts] == [v.id for v in first.verdicts]
    await house.idle()
    assert await house.states() == ["retired", "live"]


async def test_an_id_with_another_body_is_refused(house: House) -> None:
    await house.live(1)
    name = str(UUID(int=99))
    await house.deliver(house.commit(2), delivery_id=name)
    before = (await house.verdicts(), await house.deployments())
    with pytest.raises(Conflict) as refused:
        await house.deliver(house.commit(3), delivery_id=name)
    assert refused.value.code is Code.DELIVERY_CONFLICT
    assert (await house.verdicts(), await house.deployments()) == before
    (audited, *_), _ = await house.engine.upkeep.audit.list(AuditFilter(who="github"), Page())
    assert (audited.act.outcome, audited.act.delivery_id, audited.act.sha) == ("delivery_conflict", name, sha(3))


async def test_an_id_that_comes_again_after_its_secret_was_replaced_is_known_by_what_it_says(house: House) -> None:
    await house.live(1)
    name = str(UUID(int=99))
    first = await house.deliver(house.commit(2), delivery_id=name)
    raw = house.delivery(Moved(before=sha(1), after=sha(2)))[1]
    again = await house.engine.intake.receive(*house.signed("push", json.loads(raw), "repository", name))
    assert (again.status, again.http_status, again.verdicts[0].id) == ("duplicate", 200, first.verdicts[0].id)
    other = house.delivery(house.commit(3))[1]
    with pytest.raises(Conflict) as refused:
        await house.engine.intake.receive(*house.signed("push", json.loads(other), "repository", name))
    assert refused.value.code is Code.DELIVERY_CONFLICT


async def test_fifty_copies_at_once_are_one_deployment(house: House) -> None:
    await house.live(1)
    delivery = house.delivery(house.commit(2))
    receipts = await asyncio.gather(*[house.engine.intake.receive(*delivery) for _ in range(50)])
    assert sorted(receipt.status for receipt in receipts) == ["accepted"] + ["duplicate"] * 49
    await house.idle()
    assert await house.states() == ["retired", "live"]


async def test_what_could_not_be_made_durable_is_processed_when_it_comes_again(house: House) -> None:
    await house.live(1)
    delivery = house.delivery(house.commit(2))
    house.world.calls.fail("ledger.write", Unavailable(Code.DISK_FULL, "the disk is full", fault=Fault.BOX))
    with pytest.raises(Unavailable):
        await house.engine.intake.receive(*delivery)
    assert (await house.engine.intake.receive(*delivery)).status == "accepted"


@pytest.mark.parametrize("order", [("app", "repository"), ("repository", "app")])
async def test_two_hooks_tell_of_one_push_and_it_is_deployed_once(house: House, order: tuple[str, str]) -> None:
    await house.live(1)
    moved = house.commit(2)
    receipts = [await house.deliver(moved, hook) for hook in order]
    assert [(r.status, r.verdicts[0].code) for r in receipts] == [("accepted", "queued"), ("ignored", "same_push")]
    await house.idle()
    assert await house.states() == ["retired", "live"]


@pytest.mark.parametrize("order", [("app", "repository"), ("repository", "app")])
async def test_the_second_hooks_word_after_the_deployment_changes_nothing(house: House, order: tuple[str, str]) -> None:
    await house.live(1)
    moved = house.commit(2)
    await house.deliver(moved, order[0])
    await house.idle()
    await house.push(3, order[0])
    await house.idle()
    late = await house.deliver(moved, order[1])
    assert late.verdicts[0].code == "same_push"
    await house.idle()
    assert house.serves() == sha(3)
    assert await house.states() == ["retired", "retired", "live"]


async def test_back_and_forth_by_force_is_deployed_as_often_as_it_was_pushed(house: House) -> None:
    await house.live(1)
    for target in (2, 1, 2, 1, 2):
        moved = house.commit(target)
        for hook in ("app", "repository"):
            await house.deliver(moved, hook)
        await house.idle()
        assert house.serves() == sha(target)
    assert len(await house.deployments()) == 6


async def test_back_and_forth_told_by_one_hook_in_bulk_after_the_other(house: House) -> None:
    """The order across hooks is anybody's; each hook tells its own pushes in order."""
    await house.live(1)
    moves = [house.commit(target) for target in (2, 1, 2, 1, 2)]
    for hook in ("repository", "app"):
        for moved in moves:
            await house.deliver(moved, hook)
    await house.idle()
    assert house.serves() == sha(2)
    assert [row.state for row in await house.deployments()].count(S.LIVE) == 1
    await house.check_clean()


async def test_pushes_out_of_order_end_at_the_head(tmp_path: Path) -> None:
    for number, order in enumerate(permutations(range(3))):
        async with open_house(tmp_path / str(number)) as house:
            await house.live(1)
            moves = [house.commit(target) for target in (2, 3, 4)]
            for place in order:
                await house.deliver(moves[place])
                await house.wait(1)
            await house.idle()
            assert house.serves() == sha(4)
            await house.check_clean()


async def test_an_old_push_told_late_does_not_roll_back(house: House) -> None:
    await house.live(1)
    old = house.commit(2)
    await house.push(3)
    await house.idle()
    receipt = await house.deliver(old)
    await house.idle()
    assert house.serves() == sha(3)
    verdict = next(v for v in await house.verdicts() if v.delivery_id == receipt.delivery_id)
    assert (verdict.outcome, verdict.code) == (Outcome.SUPERSEDED, "already_live")
    assert len(house.world.starts) == 2


async def test_every_push_that_deploys_nothing_says_why(house: House) -> None:
    await house.live(1)
    told = {
        "other_branch": await house.push(2, branch="other"),
        "tag": await house.deliver(Moved(before=ZERO_SHA, after=sha(1), ref="refs/tags/v1")),
        "branch_deleted": await house.deliver(Moved(before=sha(1), after=ZERO_SHA)),
        "skip_marker": await house.push(3, message="docs [skip ci]"),
        "already_live": await house.deliver(Moved(before=sha(9), after=sha(1))),
        "no_project": await house.deliver(Moved(before=sha(1), after=sha(2), repo_id=1002)),
    }
    await house.engine.projects.change("hello", ProjectChanges(fields={"paused": True}))
    told["paused"] = await house.push(4)
    for code, receipt in told.items():
        assert (receipt.status, receipt.http_status) == ("ignored", 200), code
        assert [v.code for v in receipt.verdicts] == [code]
        assert receipt.reason == receipt.verdicts[0].reason
        assert receipt.verdicts[0].outcome is Outcome.IGNORED
    await house.idle()
    assert await house.states() == ["live"]
    assert len([v for v in await house.verdicts(None) if v.code in told]) == len(told)


async def test_one_push_gives_each_project_on_the_repository_its_own_verdict(house: House) -> None:
    await house.live(1)
    await house.create("staging", branch="next")
    receipt = await house.push(2)
    assert sorted(v.code for v in receipt.verdicts) == ["other_branch", "queued"]
    assert receipt.status == "accepted"


async def test_refused_deliveries_change_no_byte_of_the_database(house: House) -> None:
    await house.live(1)
    headers, raw = house.delivery(house.commit(2))
    signature = dict(headers)["X-Hub-Signature-256"]

    def with_signature(value: str | None) -> list[tuple[str, str]]:
        rest = [pair for pair in headers if pair[0] != "X-Hub-Signature-256"]
        return rest if value is None else [*rest, ("X-Hub-Signature-256", value)]

    before = house.digest()
    calls = len(house.world.calls.names)
    for value in (None, "", "sha1=" + "0" * 40, signature[:-1], signature + "0", "sha256=" + "0" * 64, "é" * 64):
        with pytest.raises(Unauthorized):
            await house.engine.intake.receive(with_signature(value), raw)
    with pytest.raises(Unauthorized):
        await house.engine.intake.receive([*headers, ("X-Hub-Signature-256", signature)], raw)
    with pytest.raises(Unauthorized):
        await house.engine.intake.receive(headers, raw + b" ")
    for body in (b"", b"[]", b"null", b'{"ref": 1}', b"[" * 200_000, b'{"a": 1' + b"0" * 5000 + b"}"):
        bad = house.headers("push", body, APP_HOOK, "app", APP.webhook_secret)
        with pytest.raises(Invalid):
            await house.engine.intake.receive(bad, body)
    await house.settle()
    assert house.digest() == before
    assert len(house.world.calls.names) == calls
    assert await house.states() == ["live"]


async def test_a_ping_is_noted(house: House) -> None:
    await house.live(1)
    receipt = await house.engine.intake.receive(*house.signed("ping", {"zen": "x", "hook_id": 7}, "repository"))
    assert (receipt.status, receipt.http_status) == ("accepted", 200)
    receipt = await house.engine.intake.receive(*house.signed("issues", {"action": "opened"}))
    assert (receipt.status, receipt.http_status) == ("ignored", 200)


async def test_without_an_app_nothing_is_believed(tmp_path: Path) -> None:
    async with open_house(tmp_path, app=None) as house:
        with pytest.raises(BoxError) as refused:
            await house.deliver(house.commit(1))
        assert refused.value.code is Code.BAD_SIGNATURE


async def test_form_encoded_deliveries_are_read_too(house: House) -> None:
    await house.live(1)
    _, raw = house.delivery(house.commit(2))
    form = b"payload=" + quote_plus(raw.decode()).encode()
    headers = [
        (name, "application/x-www-form-urlencoded" if name == "Content-Type" else value)
        for name, value in house.headers("push", form, APP_HOOK, "app", APP.webhook_secret)
    ]
    house.engine.intake.check_headers(headers)
    assert (await house.engine.intake.receive(headers, form)).status == "accepted"
    with pytest.raises(Invalid) as refused:
        house.engine.intake.check_headers([("Content-Type", "text/plain")])
    assert refused.value.code is Code.UNSUPPORTED_MEDIA_TYPE


async def test_bodies_are_json_with_escapes_and_any_text(house: House) -> None:
    await house.live(1)
    moved = house.commit(2, message='feat: $(rm -rf /) `x` "ü" \u2028 [/foo]')
    headers, raw = house.delivery(moved)
    assert json.loads(raw)["after"] == sha(2)
    assert (await house.engine.intake.receive(headers, raw)).status == "accepted"
