"""Projects that wait for CI: deployed when the commit's checks and statuses are green, told in each verdict."""

from __future__ import annotations

import pytest

from nanoscale_box.client.errors import ApiError
from nanoscale_box.wire.requests import ChangeProject
from tests.github.stand import PERMISSIONS, Stand

RIGHTS = PERMISSIONS | {"checks": "read", "statuses": "read"}
DENIED = '{"message": "Resource not accessible by integration"}'
EVENTS = ["push", "repository", "check_suite", "status"]


async def grant(stand: Stand, permissions: dict[str, str] | None = None, events: list[str] | None = None) -> None:
    """The owner lets the App read checks; it is told of them only if `events` say so."""
    (app,) = (await stand.ask("state"))["apps"]
    wanted = permissions or RIGHTS
    await stand.order(f"apps/{app['slug']}", {"permissions": wanted, "events": events or ["push", "repository"]})
    await stand.order(f"installations/{stand.installation_id}", {"action": "accept_permissions", "permissions": wanted})
    await stand.synced()


@pytest.fixture
async def waiting(connected: Stand) -> Stand:
    """A box with one project that waits for CI, and no events that tell of checks."""
    await grant(connected)
    project = await connected.create()
    await connected.client.change_project(project.id, ChangeProject(wait_for_ci=True))
    return connected


async def push(stand: Stand, text: str = "1") -> str:
    pushed = await stand.order("push", {"repo": "ada/hello", "files": {"page.txt": text}})
    await stand.wait(3)
    return str(pushed["after"])


async def check(stand: Stand, sha: str, name: str = "test", **how: str) -> None:
    await stand.order("check-runs", {"repo": "ada/hello", "head_sha": sha, "name": name, **how})


async def status(stand: Stand, sha: str, state: str, context: str = "ci/old") -> None:
    await stand.order("statuses", {"repo": "ada/hello", "sha": sha, "state": state, "context": context})


async def told(stand: Stand) -> tuple[str, str, str]:
    """Outcome, code and reason of the newest verdict with a deployment: two hooks tell each push."""
    newest = next(one for one in (await stand.client.verdicts()).items if one.deployment_id)
    return newest.outcome, newest.code, newest.reason


async def test_a_push_waits_until_its_checks_are_green(waiting: Stand) -> None:
    live = waiting.serves()
    sha = await push(waiting)
    assert await told(waiting) == ("queued", "waiting_for_ci", "waiting for CI: no check has begun yet")
    await check(waiting, sha, status="in_progress")
    await waiting.wait(30)
    assert await told(waiting) == ("queued", "waiting_for_ci", "waiting for CI: GitHub Actions")
    assert waiting.serves() == live
    await check(waiting, sha, conclusion="success")
    await waiting.wait(30)
    assert await told(waiting) == ("deployed", "deployed", f"deployed {sha[:7]} as #2")
    assert waiting.serves() == sha


async def test_a_red_check_stops_the_commit_and_is_named(waiting: Stand) -> None:
    live = waiting.serves()
    sha = await push(waiting)
    await check(waiting, sha, "lint", conclusion="success")
    await check(waiting, sha, "test", conclusion="failure")
    await waiting.wait(30)
    assert await told(waiting) == ("failed", "ci_failed", "#2 failed: CI failed: test")
    assert waiting.serves() == live
    await waiting.engine.polling.poll()
    await waiting.wait(600)
    assert waiting.serves() == live


async def test_checks_that_are_run_again_and_pass_deploy_the_commit(waiting: Stand) -> None:
    sha = await push(waiting)
    await check(waiting, sha, conclusion="failure")
    await waiting.wait(30)
    assert (await told(waiting))[1] == "ci_failed"
    await waiting.restart()
    await check(waiting, sha, conclusion="success")
    await waiting.wait(120)
    assert (await told(waiting))[1] == "deployed" and waiting.serves() == sha


async def test_statuses_count_as_checks_do_but_not_the_boxs_own(waiting: Stand) -> None:
    live = waiting.serves()
    sha = await push(waiting)
    await status(waiting, sha, "pending", "nanoscale-box/other")
    await status(waiting, sha, "pending")
    await waiting.wait(200)
    assert (await told(waiting))[2] == "waiting for CI: ci/old"
    await status(waiting, sha, "error")
    await waiting.wait(30)
    assert (await told(waiting))[2] == "#2 failed: CI failed: ci/old" and waiting.serves() == live
    sha = await push(waiting, "2")
    await status(waiting, sha, "success")
    await waiting.wait(30)
    assert waiting.serves() == sha


async def test_a_commit_without_any_check_is_deployed_after_two_minutes(waiting: Stand) -> None:
    live = waiting.serves()
    sha = await push(waiting)
    suite = {"repo": "ada/hello", "head_sha": sha, "status": "queued"}  # of an App with nothing to say
    await waiting.order("check-suites", suite)
    await waiting.wait(90)
    assert waiting.serves() == live
    await waiting.wait(60)
    assert waiting.serves() == sha


async def test_jobs_that_have_yet_to_be_made_are_waited_for(waiting: Stand) -> None:
    live = waiting.serves()
    sha = await push(waiting)
    suite = {"repo": "ada/hello", "head_sha": sha}
    await waiting.order("check-suites", {**suite, "status": "in_progress"})
    await check(waiting, sha, "build", conclusion="success")
    await waiting.wait(200)
    assert waiting.serves() == live
    await waiting.order("check-suites", {**suite, "status": "completed", "conclusion": "success"})
    await waiting.wait(30)
    assert waiting.serves() == sha


async def test_checks_that_never_end_are_given_up(waiting: Stand) -> None:
    sha = await push(waiting)
    await check(waiting, sha, status="in_progress")
    await waiting.wait(30)
    waiting.sandbox.clock.advance(6 * 3600)
    await waiting.wait(30)
    assert await told(waiting) == ("failed", "ci_failed", "#2 failed: CI did not end within 6 hours")


async def test_an_event_is_followed_at_once(connected: Stand) -> None:
    await grant(connected, events=EVENTS)
    project = await connected.create()
    await connected.client.change_project(project.id, ChangeProject(wait_for_ci=True))
    sha = await push(connected)
    assert (await told(connected))[1] == "waiting_for_ci"
    await check(connected, sha, conclusion="success")
    await connected.idle()
    assert connected.serves() == sha
    sha = await push(connected, "2")
    await status(connected, sha, "success")
    await connected.idle()
    assert connected.serves() == sha


async def test_a_look_that_finds_nothing_new_costs_nothing_of_the_limit(waiting: Stand) -> None:
    sha = await push(waiting)
    await check(waiting, sha, status="in_progress")
    await waiting.wait(30)
    before = len(await waiting.requests("GET", f"/commits/{sha}"))
    await waiting.wait(200)
    looks = (await waiting.requests("GET", f"/commits/{sha}"))[before:]
    assert len(looks) >= 10 and {one["status"] for one in looks} == {304}


async def test_a_newer_push_supersedes_the_one_that_waits(waiting: Stand) -> None:
    first = await push(waiting)
    second = await push(waiting, "2")
    await check(waiting, first, conclusion="success")
    await check(waiting, second, status="in_progress")
    await waiting.wait(60)
    assert "superseded" in {one.outcome for one in (await waiting.client.verdicts()).items}
    await check(waiting, second, conclusion="success")
    await waiting.wait(30)
    assert waiting.serves() == second and first not in waiting.folders().values()


async def test_a_head_that_moved_unseen_waits_for_checks_of_its_own(waiting: Stand) -> None:
    first = await push(waiting)
    unseen = await waiting.order("push", {"repo": "ada/hello", "files": {"page.txt": "2"}, "fire": False})
    await check(waiting, first, conclusion="success")
    await waiting.wait(30)
    assert waiting.serves() not in (first, unseen["after"])
    assert (await told(waiting))[0] == "queued"
    await check(waiting, unseen["after"], conclusion="success")
    await waiting.wait(30)
    assert waiting.serves() == unseen["after"]


async def test_what_the_owner_asks_for_does_not_wait(waiting: Stand) -> None:
    sha = await push(waiting)
    await check(waiting, sha, conclusion="failure")
    await waiting.wait(30)
    await waiting.client.redeploy("hello")
    await waiting.wait(3)
    assert waiting.serves() == sha


async def test_a_pause_takes_what_waits_out_of_the_queue_and_resume_deploys_it(waiting: Stand) -> None:
    live = waiting.serves()
    sha = await push(waiting)
    await waiting.client.change_project("hello", ChangeProject(paused=True))
    await check(waiting, sha, conclusion="success")
    await waiting.wait(60)
    assert await told(waiting) == ("ignored", "paused", "hello is paused: by you") and waiting.serves() == live
    await waiting.client.resume("hello")
    await waiting.wait(3)
    assert waiting.serves() == sha


async def test_a_paused_projects_failed_commit_is_not_asked_about(waiting: Stand) -> None:
    live = waiting.serves()
    sha = await push(waiting)
    await check(waiting, sha, conclusion="failure")
    await waiting.wait(30)
    await waiting.client.change_project("hello", ChangeProject(paused=True))
    await check(waiting, sha, conclusion="success")
    before = (len(await waiting.requests("GET", "/commits/")), len((await waiting.client.verdicts()).items))
    await waiting.wait(600)
    assert before == (len(await waiting.requests("GET", "/commits/")), len((await waiting.client.verdicts()).items))
    assert waiting.serves() == live


async def test_switching_it_off_lets_go_of_what_waits(waiting: Stand) -> None:
    sha = await push(waiting)
    await check(waiting, sha, status="in_progress")
    await waiting.wait(10)
    changed = await waiting.client.change_project("hello", ChangeProject(wait_for_ci=False))
    assert changed.wait_for_ci is False
    await waiting.wait(1)
    assert waiting.serves() == sha


async def test_without_the_rights_it_says_so(waiting: Stand) -> None:
    await waiting.fault("GET", "check-suites", status=403, body=DENIED, times=None)
    await push(waiting)
    assert await told(waiting) == (
        "failed",
        "ci_failed",
        "#2 failed: GitHub does not let the App read the commit's checks",
    )
    latest = (await waiting.client.project("hello")).latest
    assert latest and latest.error and "Checks: read" in (latest.error.hint or "")


async def test_lacking_rights_are_a_problem_before_any_push(connected: Stand) -> None:
    await connected.create()
    assert (await connected.client.github_status()).problems == []
    await connected.client.change_project("hello", ChangeProject(wait_for_ci=True))
    (problem,) = (await connected.client.github_status()).problems
    assert "may not read checks" in problem
    await grant(connected)
    assert (await connected.client.github_status()).problems == []


async def test_trouble_of_githubs_is_waited_out_across_a_restart(waiting: Stand) -> None:
    await waiting.fault("GET", "check-suites", status=503, times=None)
    sha = await push(waiting)
    await check(waiting, sha, conclusion="success")
    await waiting.wait(30)
    outcome, code, reason = await told(waiting)
    assert (outcome, code) == ("queued", "waiting_for_ci") and reason.startswith("waiting for CI: GitHub has trouble")
    await waiting.restart()
    await waiting.no_more_faults()
    await waiting.wait(30)
    assert waiting.serves() == sha


async def test_the_setting_is_true_or_false(connected: Stand) -> None:
    project = await connected.create()
    assert (await connected.client.project(project.id)).wait_for_ci is False
    for asked in (None, "yes", 1):
        with pytest.raises(ApiError) as caught:
            await connected.client.change_project(project.id, ChangeProject(wait_for_ci=asked))  # type: ignore[arg-type]
        assert caught.value.problem.status == 400


async def test_the_rights_are_asked_for_only_when_the_owner_says_so(stand: Stand) -> None:
    for wanted in (False, True):
        begun = await stand.client.register_app(checks=wanted)
        manifest = (await stand.browser.open(begun.redirect_url)).form().fields["manifest"]
        assert ('"checks": "read"' in manifest) is wanted and ('"check_suite"' in manifest) is wanted
