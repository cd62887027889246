"""Hooks and feedback: what is sent to GitHub, and what is made of its answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web

from nanoscale_box.adapters.github import GithubApi
from nanoscale_box.core.errors import BoxError, Code, Conflict, NotFound
from nanoscale_box.core.github_model import CommitWord, Comparison
from nanoscale_box.core.model import Sha
from nanoscale_box.core.secret import Secret
from tests.adapters.github_stage import INSTALLATION, REPO, SHA, START, Stage, an_app, ok, staged

HOOKS = f"/api/v3/repositories/{REPO}/hooks"
URL = "https://box.example/hook"
SECRET = Secret("hook-secret-text")
CONFIG = {"url": URL, "content_type": "json", "insecure_ssl": "0", "secret": "hook-secret-text"}
HOOK = {"id": 2**60, "active": True, "events": ["push"], "config": {"url": URL, "secret": "********"}}
BEFORE, AFTER = Sha(SHA), Sha("b" * 40)
WORD = CommitWord(state="success", sentence="d" * 200, name="box", deployment_id="dep_1", url="http://hello.localhost")
Set = tuple[Stage, GithubApi]


@pytest.fixture
async def stage_and_api() -> AsyncIterator[Set]:
    async with staged() as both:
        yield both


async def test_a_hook_is_created_whole(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(f"POST {HOOKS}", ok(HOOK, 201))
    hook = await api.create_hook(an_app(), INSTALLATION, REPO, URL, SECRET)
    assert (hook.hook_id, hook.url, hook.active, hook.events) == (2**60, URL, True, ("push",))
    (asked,) = stage.asked(f"POST {HOOKS}")
    assert asked.json() == {"name": "web", "active": True, "events": ["push", "meta"], "config": CONFIG}


async def test_a_hook_that_is_there_is_a_conflict(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    errors = [{"resource": "Hook", "code": "custom", "message": "Hook already exists on this repository"}]
    stage.on(f"POST {HOOKS}", ok({"message": "Validation Failed", "errors": errors}, 422))
    with pytest.raises(Conflict):
        await api.create_hook(an_app(), INSTALLATION, REPO, URL, SECRET)


@pytest.mark.parametrize(
    "body", [{}, {"message": "Validation Failed", "errors": [{"message": "The event cannot have more than 20 hooks"}]}]
)  # fmt: skip
async def test_any_other_refusal_of_a_hook_is_told(stage_and_api: Set, body: dict[str, object]) -> None:
    stage, api = stage_and_api
    stage.on(f"POST {HOOKS}", ok(body, 422))
    with pytest.raises(BoxError) as caught:
        await api.create_hook(an_app(), INSTALLATION, REPO, URL, SECRET)
    assert caught.value.code is Code.GITHUB_REFUSED and not isinstance(caught.value, Conflict)


async def test_hooks_the_app_may_not_see_are_a_sentence(stage_and_api: Set) -> None:
    _, api = stage_and_api
    with pytest.raises(BoxError) as caught:
        await api.hooks(an_app(), INSTALLATION, REPO)
    assert caught.value.code is Code.REPOSITORY_UNKNOWN
    with pytest.raises(BoxError) as caught:
        await api.create_hook(an_app(), INSTALLATION, REPO, URL, SECRET)
    assert caught.value.code is Code.REPOSITORY_UNKNOWN


async def test_an_update_always_sends_the_secret(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(f"PATCH {HOOKS}/5", ok({}, 502), ok(HOOK | {"id": 5}))
    assert (await api.update_hook(an_app(), INSTALLATION, REPO, 5, URL, SECRET)).hook_id == 5
    assert stage.asked(f"PATCH {HOOKS}/5")[1].json() == {"active": True, "events": ["push", "meta"], "config": CONFIG}
    with pytest.raises(NotFound):
        await api.update_hook(an_app(), INSTALLATION, REPO, 6, URL, SECRET)


async def test_deleting_a_hook_that_is_gone_is_fine(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(f"DELETE {HOOKS}/5", web.Response(status=204))
    await api.delete_hook(an_app(), INSTALLATION, REPO, 5)
    await api.delete_hook(an_app(), INSTALLATION, REPO, 6)
    assert [one.method for one in stage.seen] == ["POST", "DELETE", "DELETE"]


async def test_the_apps_own_hook_is_pointed_and_looked_up(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    assert await api.webhooks.app_hook_url(api.as_app(an_app())) is None
    stage.on("PATCH /api/v3/app/hook/config", ok({"url": URL}))
    stage.on("GET /api/v3/app/hook/config", ok({"url": URL}))
    await api.set_app_hook(an_app(), URL, SECRET)
    assert await api.webhooks.app_hook_url(api.as_app(an_app())) == URL
    assert stage.asked("PATCH /api/v3/app/hook/config")[0].json() == CONFIG


async def test_deliveries_are_read_back_to_a_time_and_asked_for_again(stage_and_api: Set) -> None:
    stage, api = stage_and_api

    def delivery(number: int, hours: int, status: int) -> dict[str, object]:
        at = (START - timedelta(hours=hours)).isoformat()
        return {"id": number, "guid": f"g{number}", "event": "push", "delivered_at": at, "status_code": status}

    first = "GET /api/v3/app/hook/deliveries?per_page=100"
    link = f'<{stage.url}/api/v3/app/hook/deliveries?cursor=v1_9>; rel="next"'
    stage.on(first, ok([delivery(2**60 + 1, 1, 502)], link=link))
    stage.on("GET /api/v3/app/hook/deliveries?cursor=v1_9", ok([delivery(2, 2, 202), delivery(1, 30, 502)], link=link))
    app = api.as_app(an_app())
    found = await api.webhooks.deliveries(app, START - timedelta(hours=24))
    assert [(one.id, one.succeeded) for one in found] == [(2**60 + 1, False), (2, True)]
    stage.on(f"POST /api/v3/app/hook/deliveries/{2**60 + 1}/attempts", ok({}, 202))
    assert await api.webhooks.redeliver(app, 2**60 + 1)
    assert not await api.webhooks.redeliver(app, 1)


async def test_changed_paths_are_known_only_when_they_are_the_net_difference(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    caller, key = (
        api.as_installation(an_app(), INSTALLATION),
        f"GET /api/v3/repositories/{REPO}/compare/{BEFORE}...{AFTER}",
    )
    files = [{"filename": "a"}, {"filename": "new", "previous_filename": "old"}]
    stage.on(key, ok({"status": "ahead", "ahead_by": 3, "files": files}))
    compared = await api.feedback.comparison(caller, REPO, BEFORE, AFTER)
    assert compared == Comparison(ahead=3, behind=0, changed=frozenset({"a", "old", "new"}))
    for body in (
        {"status": "diverged", "ahead_by": 1, "behind_by": 2, "files": files},
        {"status": "ahead", "ahead_by": 1, "behind_by": 2, "files": [{"filename": "x"}] * 300},
    ):
        stage.on(key, ok(body))
        unclear = await api.feedback.comparison(caller, REPO, BEFORE, AFTER)
        assert unclear == Comparison(ahead=1, behind=2, changed=None)
    stage.on(key, ok({"message": "Not Found"}, 404))
    assert await api.feedback.comparison(caller, REPO, BEFORE, AFTER) is None


async def test_a_status_is_set_or_a_sentence_says_why_not(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    caller, key = api.as_installation(an_app(), INSTALLATION), f"POST /api/v3/repositories/{REPO}/statuses/{SHA}"
    stage.on(key, ok({"id": 1}, 201))

    async def say() -> None:
        await api.feedback.set_status(caller, REPO, BEFORE, WORD)

    await say()
    assert stage.asked(key)[0].json() == {
        "state": "success", "context": "box", "description": "d" * 140, "target_url": "http://hello.localhost",
    }  # fmt: skip
    stage.on(key, ok({"message": "Not Found"}, 404))
    with pytest.raises(BoxError) as caught:
        await say()
    assert caught.value.code is Code.GITHUB_REFUSED


async def test_a_deployment_is_found_again_or_made_or_a_sentence_says_why_not(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    caller, root = api.as_installation(an_app(), INSTALLATION), f"/api/v3/repositories/{REPO}/deployments"
    listed = f"GET {root}?sha={BEFORE}&environment=box&per_page=100"
    others = [{"id": 1, "payload": "text"}, {"id": 2, "payload": {"nanoscale_box": "dep_0"}}]
    stage.on(listed, ok(others))
    stage.on(f"POST {root}", ok({"id": 3}, 201))
    stage.on(f"POST {root}/3/statuses", ok({"id": 9}, 201))
    await api.feedback.set_deployment(caller, REPO, BEFORE, WORD)
    made = stage.asked(f"POST {root}")[0].json()
    assert made["required_contexts"] == [] and made["auto_merge"] is False and made["ref"] == BEFORE
    stage.on(listed, ok([*others, {"id": 3, "payload": {"nanoscale_box": "dep_1"}}]))
    await api.feedback.set_deployment(caller, REPO, BEFORE, WORD)
    assert len(stage.asked(f"POST {root}")) == 1 and len(stage.asked(f"POST {root}/3/statuses")) == 2
    stage.on(listed, ok([]))
    for answer in (ok({"message": "Auto-merged main"}, 202), ok({"message": "Conflict"}, 409)):
        stage.on(f"POST {root}", answer)
        with pytest.raises(BoxError) as caught:
            await api.feedback.set_deployment(caller, REPO, BEFORE, WORD)
        assert caught.value.code is Code.GITHUB_REFUSED and not caught.value.may_retry
