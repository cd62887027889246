"""What the box says of a commit on GitHub, where the owner granted that; and nothing anywhere else."""

from __future__ import annotations

from tests.github.stand import PERMISSIONS, Stand


async def granted(stand: Stand) -> None:
    """The owner lets the box set statuses."""
    (app,) = (await stand.ask("state"))["apps"]
    wanted = PERMISSIONS | {"statuses": "write"}
    await stand.order(f"apps/{app['slug']}", {"permissions": wanted})
    await stand.order(f"installations/{stand.installation_id}", {"action": "accept_permissions", "permissions": wanted})
    await stand.synced()


async def statuses(stand: Stand, sha: str) -> list[tuple[str, str, str | None]]:
    """State, sentence and URL of a commit's statuses, oldest first."""
    token = next(one.personal_token for one in stand.sandbox.state.accounts.values() if one.login == "ada")
    address = f"{stand.sandbox.api_url}/repos/ada/hello/commits/{sha}/statuses"
    async with stand.http.get(address, headers={"Authorization": f"Bearer {token}"}) as answer:
        assert answer.status == 200, await answer.text()
        found = await answer.json()
    return [(one["state"], one["description"], one["target_url"]) for one in reversed(found)]


async def push(stand: Stand) -> str:
    pushed = await stand.order("push", {"repo": "ada/hello", "files": {"page.txt": str(stand.time.now())}})
    return str(pushed["after"])


async def done(stand: Stand, seconds: float = 3) -> None:
    """Let deployments end, and what is said of them."""
    for _ in range(3):
        await stand.wait(seconds)
        await stand.database.write(lambda records: None)


async def test_a_deployment_is_pending_and_then_a_success_with_its_address(connected: Stand) -> None:
    await granted(connected)
    await connected.create()
    sha = await push(connected)
    await done(connected)
    found = await statuses(connected, sha)
    assert found[-1] == ("success", f"{sha[:7]} is live as #2", "http://hello.localhost:8080")
    assert {state for state, _, _ in found} <= {"pending", "success"}


async def test_a_failure_says_why(connected: Stand) -> None:
    await granted(connected)
    await connected.create()
    live = connected.serves()
    sha = await push(connected)
    connected.world.calls.fail("builder.build", _broken())
    await done(connected)
    assert (await statuses(connected, sha))[-1][:2] == ("failure", "#2 failed: the build failed")
    assert connected.serves() == live


def _broken() -> Exception:
    from nanoscale_box.core.errors import Code, DeployFailed

    return DeployFailed(Code.BUILD_FAILED, "the build failed")


async def test_without_the_right_nothing_is_asked_and_nothing_fails(connected: Stand) -> None:
    await connected.create()
    sha = await push(connected)
    await done(connected)
    assert connected.serves() == sha and await connected.requests("POST", "/statuses/") == []


async def test_a_right_taken_back_meanwhile_fails_no_deployment(connected: Stand) -> None:
    await granted(connected)
    await connected.create()
    body = '{"message": "Resource not accessible by integration"}'
    await connected.fault("POST", "/statuses/", status=403, times=None, body=body)
    sha = await push(connected)
    await done(connected)
    asked = len(await connected.requests("POST", "/statuses/"))
    await done(connected, 3600)
    assert connected.serves() == sha and len(await connected.requests("POST", "/statuses/")) == asked


async def test_a_word_that_github_could_not_take_is_said_later(connected: Stand) -> None:
    await granted(connected)
    await connected.create()
    await connected.fault("POST", "/statuses/", status=503, times=None)
    sha = await push(connected)
    await done(connected)
    assert connected.serves() == sha
    await connected.restart()
    await connected.no_more_faults()
    await done(connected, 600)
    assert (await statuses(connected, sha))[-1][0] == "success"


async def test_the_right_is_asked_for_only_when_the_owner_says_so(stand: Stand) -> None:
    for feedback in (False, True):
        begun = await stand.client.register_app(feedback=feedback)
        manifest = (await stand.browser.open(begun.redirect_url)).form().fields["manifest"]
        assert ('"statuses"' in manifest) is feedback
