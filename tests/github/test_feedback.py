"""What the box says of a commit on GitHub, where the owner granted that; and nothing anywhere else."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from tests.github.stand import PERMISSIONS, Stand


async def granted(stand: Stand, *rights: str) -> None:
    """The owner lets the box set statuses, or what else is named."""
    (app,) = (await stand.ask("state"))["apps"]
    wanted = PERMISSIONS | dict.fromkeys(rights or ("statuses",), "write")
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
    assert [state for state, _, _ in found] in (["pending", "success"], ["success"]), "none is said twice"


async def test_a_failure_says_why(connected: Stand) -> None:
    await granted(connected)
    await connected.create()
    live = connected.serves()
    sha = await push(connected)
    connected.world.calls.fail("builder.build", _broken())
    await done(connected)
    state, sentence, link = (await statuses(connected, sha))[-1]
    assert (state, sentence) == ("failure", "#2 failed: the build failed")
    assert connected.serves() == live
    page = (await connected.browser.open(str(link))).text
    assert "Deployment #2 failed</h1>" in page and "<p>the build failed</p>" in page
    assert "hello" not in page, "no name of a private repository"


def _broken() -> Exception:
    from nanoscale_box.core.errors import Code, DeployFailed

    return DeployFailed(Code.BUILD_FAILED, "the build failed")


async def deployments(stand: Stand) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Each deployment on GitHub, oldest first: its environment, and its statuses with where they lead."""
    found = (await stand.ask("state"))["deployments"][str(await stand.repo("ada/hello"))]
    return [
        (
            one["environment"],
            [(said["state"], said["environment_url"], said["log_url"]) for said in reversed(one["_statuses"])],
        )
        for one in reversed(found)
    ]


async def test_deployments_show_on_github_where_that_was_granted(connected: Stand) -> None:
    await granted(connected, "deployments")
    await connected.create()
    await done(connected)
    sha = await push(connected)
    connected.world.calls.fail("builder.build", _broken())
    await done(connected)
    first, second = await deployments(connected)
    assert first[0] == second[0] == "nanoscale-box/hello"
    assert first[1][-1] == ("success", "http://hello.localhost:8080", "")
    state, url, log = second[1][-1]
    assert (state, url) == ("failure", "") and f"{connected.url}/integrations/github?deployment=dep_" in log
    words = [said for said, _, _ in second[1]]
    assert words in (["in_progress", "failure"], ["failure"]), "a late word says how it stands by then, and none twice"
    assert await statuses(connected, sha) == [], "the other form was not granted"


@pytest.mark.parametrize("answer", [{"status": 409, "body": '{"message": "Conflict"}'}, {"status": 202, "body": "{}"}])
async def test_a_deployment_github_does_not_take_fails_nothing(connected: Stand, answer: dict[str, object]) -> None:
    await granted(connected, "deployments", "statuses")
    await connected.create()
    await done(connected)
    await connected.fault("POST", "/deployments$", times=None, **answer)  # type: ignore[arg-type]
    sha = await push(connected)
    await done(connected)
    assert connected.serves() == sha and (await statuses(connected, sha))[-1][0] == "success"
    asked = len(await connected.requests("POST", "/deployments"))
    await done(connected, 3600)
    assert len(await connected.requests("POST", "/deployments")) == asked


async def test_the_page_of_a_deployment_nobody_has_says_nothing(connected: Stand) -> None:
    for made_up in ("dep_0", "x" * 3000, "<script>", "../../etc/passwd"):
        page = await connected.browser.open(f"{connected.url}/integrations/github?{urlencode({'deployment': made_up})}")
        assert "How things stand with GitHub shows in the terminal" in page.text and made_up not in page.text


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
        assert ('"statuses"' in manifest) is feedback and ('"deployments"' in manifest) is feedback
