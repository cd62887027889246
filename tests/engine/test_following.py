"""What GitHub tells besides pushes, followed the moment it is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nanoscale_box.core.errors import Conflict
from nanoscale_box.core.model import InstallationId, RepoId
from nanoscale_box.engine.following import ARCHIVED, DELETED, GONE, OUT_OF_SCOPE, SUSPENDED
from nanoscale_box.engine.views import ProjectChanges
from tests.engine.house import House, sha
from tests.engine.outside import Outside, installation_body, repository_body
from tests.fake_github import INSTALLATION, REPO, installation


async def tell(house: House, event: str, body: object, hook: str = "app") -> str:
    receipt = await house.engine.intake.receive(*house.signed(event, body, hook))
    assert receipt.http_status == 200
    if house.engine.catalogue._syncing:
        await house.engine.catalogue._syncing
    return receipt.reason


async def paused(house: House) -> tuple[str | None, bool]:
    project = await house.project()
    return project.paused_reason, bool(project.link and project.link.active)


async def test_suspending_pauses_and_lifting_it_resumes(house: House) -> None:
    await house.live(1)
    house.hub.installations[INSTALLATION] = installation(suspended=True)
    await tell(house, "installation", installation_body("suspend", suspended_at="2026-03-01T00:00:00Z"))
    assert await paused(house) == (SUSPENDED, False)
    assert house.serves() == sha(1)
    asked = len(house.hub.asked)
    assert (await house.push(2)).verdicts[0].code == "paused"
    await house.engine.polling.poll()
    assert len(house.hub.asked) == asked
    house.hub.installations[INSTALLATION] = installation()
    await tell(house, "installation", installation_body("unsuspend"))
    assert await paused(house) == (None, True)
    await house.engine.polling.poll()
    await house.idle()
    assert house.serves() == sha(2)


async def test_removing_the_app_pauses_its_projects_and_forgets_its_repositories(house: House) -> None:
    await house.live(1)
    house.hub.installations.clear()
    reason = await tell(house, "installation", installation_body("deleted"))
    assert "gone" in reason
    assert await paused(house) == (GONE, False)
    assert await house.database.read(lambda r: r.github.repository(REPO)) is None
    assert house.serves() == sha(1)


async def test_a_repository_that_comes_back_into_scope_can_be_deployed_at_once(house: House) -> None:
    await house.live(1)
    body = {
        "action": "removed",
        "installation": {"id": INSTALLATION},
        "repository_selection": "selected",
        "repositories_added": [],
        "repositories_removed": [{"id": REPO}],
    }
    gone = house.hub.repositories.pop(REPO)
    await tell(house, "installation_repositories", body)
    assert await paused(house) == (OUT_OF_SCOPE, False)
    house.hub.repositories[REPO] = gone
    await tell(
        house, "installation_repositories", {**body, "repositories_removed": [], "repositories_added": [{"id": REPO}]}
    )
    assert await paused(house) == (None, True)
    await house.push(2)
    await house.idle()
    assert house.serves() == sha(2)


async def test_a_rename_is_followed_whoever_tells_it(house: House) -> None:
    await house.live(1)
    for hook, name in (("app", "second"), ("repository", "third")):
        body = repository_body("renamed", name=name, full_name=f"ada/{name}")
        if hook == "repository":
            del body["installation"]
        await tell(house, "repository", body, hook)
        link = (await house.project()).link
        assert link and (link.full_name, link.installation_id) == (f"ada/{name}", INSTALLATION)


async def test_archiving_pauses_and_no_sync_resumes_what_is_archived(house: House) -> None:
    await house.live(1)
    await tell(house, "repository", repository_body("archived", archived=True))
    assert await paused(house) == (ARCHIVED, False)
    await house.engine.catalogue.sync()
    assert await paused(house) == (ARCHIVED, False)
    await tell(house, "repository", repository_body("unarchived"))
    assert await paused(house) == (None, True)


async def test_a_deleted_repository_pauses(house: House) -> None:
    await house.live(1)
    await tell(house, "repository", repository_body("deleted"))
    assert await paused(house) == (DELETED, False)
    assert house.serves() == sha(1)


async def test_a_revoked_grant_of_the_connected_user_ends_the_connection_only(house: House) -> None:
    await house.live(1)
    await tell(house, "github_app_authorization", {"action": "revoked", "sender": {"id": 99}})
    assert (await house.engine.accounts.status()).connected
    await tell(house, "github_app_authorization", {"action": "revoked", "sender": {"id": 1}})
    assert (await house.engine.accounts.status()).state == "registered"
    assert await paused(house) == (None, True)


@pytest.mark.parametrize("action", ["created", "new_permissions_accepted"])
async def test_a_new_installation_is_the_owners_only_if_github_says_so(house: House, action: str) -> None:
    await house.connect()
    house.hub.installations[InstallationId(43)] = installation(43, account_login="acme")
    await tell(house, "installation", installation_body(action, id=43))
    assert {one.installation_id for one in await house.engine.accounts.installations()} == {INSTALLATION, 43}
    await tell(house, "installation", installation_body(action, id=666))
    assert {one.installation_id for one in await house.engine.accounts.installations()} == {INSTALLATION, 43}


async def test_what_is_not_ours_is_left_alone(house: House) -> None:
    await house.live(1)
    assert "not one the box knows" in await tell(house, "repository", repository_body("deleted", id=5555))
    assert await paused(house) == (None, True)
    assert await house.database.read(lambda r: r.github.repository(RepoId(5555))) is None


async def test_what_was_queued_when_the_repository_went_out_of_reach_is_deployed_when_it_is_back(house: House) -> None:
    """The deployment fails with its sentence, but the commit did not fail."""
    await house.live(1)
    await house.push(2)
    house.hub.installations[INSTALLATION] = installation(suspended=True)
    await tell(house, "installation", installation_body("suspend", suspended_at="2026-03-01T00:00:00Z"))
    await house.idle()
    failed = await house.newest()
    assert failed.failure and failed.failure.code == "repository_unknown"
    house.hub.installations[INSTALLATION] = installation()
    await tell(house, "installation", installation_body("unsuspend"))
    await house.engine.polling.poll()
    await house.idle()
    assert house.serves() == sha(2)
    await house.check_clean()


async def test_a_pause_of_the_owners_hides_no_repository_that_is_out_of_scope(house: House) -> None:
    """Whatever is synced meanwhile, and however the owner resumes it, it is not asked for until it is back."""
    await house.live(1)
    await house.engine.projects.change("hello", ProjectChanges(fields={"paused": True}))
    house.hub.repositories[REPO] = replace(house.hub.repositories[REPO], installation_id=InstallationId(0))
    body = {
        "action": "removed",
        "installation": {"id": INSTALLATION},
        "repository_selection": "selected",
        "repositories_added": [],
        "repositories_removed": [{"id": REPO}],
    }
    await tell(house, "installation_repositories", body)
    assert await paused(house) == ("by you", False)
    with pytest.raises(Conflict):
        await house.engine.projects.resume("hello")
    house.hub.repositories[REPO] = replace(house.hub.repositories[REPO], installation_id=INSTALLATION)
    await house.engine.catalogue.start_sync()
    assert await paused(house) == ("by you", True)
    await house.engine.projects.resume("hello")
    assert await paused(house) == (None, True)


async def test_an_app_that_was_removed_and_comes_back_goes_on_at_once(house: House) -> None:
    """It comes back under another number; the first sync finds its repositories by their ids."""
    await house.live(1)
    outside = Outside(house)
    await outside.remove()
    assert await paused(house) == (GONE, False)
    await outside.give_back()
    assert await paused(house) == (None, True)
    await house.push(2)
    await house.idle()
    assert house.serves() == sha(2)
