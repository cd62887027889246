"""The account: states that work once, PKCE, what GitHub says of installations, refreshes, sync, and the way out."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from nanoscale_box.core.errors import BoxError, Code, Conflict, Fault, Invalid, Unauthorized, Unavailable
from nanoscale_box.core.model import InstallationId, RepoId
from nanoscale_box.engine.following import DISCONNECTED, GONE, OUT_OF_SCOPE, SUSPENDED
from nanoscale_box.engine.records import Page
from nanoscale_box.engine.views import NewProject
from tests.engine.house import PUBLIC, House, open_house, sha, state_in
from tests.fake_github import INSTALLATION, REPO, installation, repository
from tests.fakes import seconds


async def finish(house: House, state: str | None, code: str | None = "code", error: str | None = None) -> str:
    return await house.engine.accounts.finish_connect(code=code, state=state, error=error)


async def begun(house: House) -> str:
    return state_in((await house.engine.accounts.begin_connect("test")).url)


async def test_connecting_stores_who_it_is_and_what_is_installed(house: House) -> None:
    assert (await house.engine.accounts.status()).state == "registered"
    assert await house.connect() == "ada"
    status = await house.engine.accounts.status()
    assert (status.connected, status.state, status.account_login, status.mode) == (True, "connected", "ada", "webhook")
    assert [(one.account_login, missing) for one, missing in status.installations] == [("ada", ())]
    found, cursor = await house.engine.accounts.repositories(None, "", Page())
    assert [(repo.full_name, users) for repo, users in found] == [("ada/hello", ()), ("ada/other", ())]
    assert cursor is None


async def test_the_verifier_matches_the_challenge_and_the_way_back_is_the_registered_one(house: House) -> None:
    url = (await house.engine.accounts.begin_connect("test")).url
    query = parse_qs(urlsplit(url).query)
    await finish(house, query["state"][0])
    (verifier,) = house.github.verifiers
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    assert query["challenge"] == [digest] and 43 <= len(verifier) <= 128
    assert query["redirect_uri"] == [f"{PUBLIC}/api/integrations/github/callback"]


async def test_a_state_that_is_not_ours_is_refused(house: House) -> None:
    good = await begun(house)
    forged = [None, "", "connect", "connect.x.y", good[:-1], good + "x", good.replace("connect", "installed"), "\ud800"]
    forged += ["connect.\ud800.x", good.upper(), "é" * 50, good + "\0", f"{good}.{good}"]
    before = house.digest()
    for state in forged:
        with pytest.raises(Unauthorized) as refused:
            await finish(house, state)
        assert refused.value.code is Code.GITHUB_STATE
    assert house.digest() == before
    assert house.world.calls.count("github.exchange_code") == 0
    assert await finish(house, good) == "ada"


async def test_a_state_works_once_even_fifty_times_at_once(house: House) -> None:
    state = await begun(house)
    ended = await asyncio.gather(*[finish(house, state) for _ in range(50)], return_exceptions=True)
    assert [one for one in ended if isinstance(one, str)] == ["ada"]
    assert len([one for one in ended if isinstance(one, Unauthorized) and one.code is Code.GITHUB_STATE]) == 49
    assert house.world.calls.count("github.exchange_code") == 1


async def test_a_state_lasts_ten_minutes_and_a_restart(house: House) -> None:
    early, late = await begun(house), await begun(house)
    house.world.now += seconds(599)
    await house.restart()
    assert await finish(house, early) == "ada"
    house.world.now += seconds(1)
    with pytest.raises(Unauthorized):
        await finish(house, late)


async def test_a_state_of_another_flow_is_refused_and_stays_good_for_its_own(tmp_path: Path) -> None:
    async with open_house(tmp_path, app=None) as house:
        page = await house.engine.accounts.begin_registration("test", None)
        state = state_in(page.url)
        with pytest.raises(Unauthorized):
            await finish(house, state)
        with pytest.raises(Unauthorized):
            await house.engine.accounts.finish_installation("42", "install", state)
        assert (await house.engine.accounts.finish_registration("code", state)).startswith("https://github.com/apps/")


async def test_a_refusal_at_github_spends_the_state_and_is_told_inert(house: House) -> None:
    state = await begun(house)
    with pytest.raises(Unauthorized) as refused:
        await finish(house, state, None, "access_denied\x1b[2J<b>")
    assert refused.value.code is Code.GITHUB_DENIED and "\x1b" not in refused.value.detail
    with pytest.raises(Unauthorized) as refused:
        await finish(house, state)
    assert refused.value.code is Code.GITHUB_STATE


async def test_an_installation_named_by_the_browser_is_not_believed(house: House) -> None:
    with pytest.raises(Unauthorized):
        await house.engine.accounts.finish_installation("666", "install", None)
    await house.connect()
    known = await house.engine.accounts.installations()
    assert [one.installation_id for one in known] == [INSTALLATION]
    for made_up, code in ((666, Code.REPOSITORY_UNKNOWN), (0, Code.REPOSITORY_UNKNOWN)):
        with pytest.raises(BoxError) as refused:
            await house.engine.projects.create(
                NewProject(installation_id=InstallationId(made_up), repo_id=REPO, selected_branch="main")
            )
        assert refused.value.code is code


async def test_the_app_is_registered_from_a_manifest_and_kept_sealed(tmp_path: Path) -> None:
    async with open_house(tmp_path, app=None) as house:
        accounts = house.engine.accounts
        assert (await accounts.status()).state == "unconfigured"
        with pytest.raises(Conflict) as refused:
            await accounts.begin_connect("test")
        assert refused.value.code is Code.GITHUB_NOT_CONFIGURED and refused.value.hint
        page = await accounts.begin_registration("test", "acme")
        assert page.url.startswith(f"{PUBLIC}/api/integrations/github/app/new?state=")
        state = state_in(page.url)
        form = await accounts.manifest_form(state)
        assert await accounts.manifest_form(state) == form
        assert form.action.startswith("https://github.com/organizations/acme/settings/apps/new?state=")
        manifest = json.loads(form.manifest)
        assert manifest["default_permissions"] == {"contents": "read", "metadata": "read", "repository_hooks": "write"}
        assert manifest["hook_attributes"] == {"url": f"{PUBLIC}/api/integrations/github/webhook", "active": True}
        assert manifest["public"] is False and manifest["redirect_url"].endswith("/app/registered")
        install = await accounts.finish_registration("code", state)
        assert install.startswith("https://github.com/apps/nanoscale-box/installations/new?state=")
        authorize = await accounts.finish_installation("42", "install", state_in(install))
        await finish(house, state_in(authorize))
        assert (await accounts.status()).connected
        with pytest.raises(Conflict):
            await accounts.begin_registration("test", None)
        await house.restart()
        assert (await house.engine.accounts.status()).connected
        kept = (tmp_path / "box.db").read_bytes() + (tmp_path / "box.db-wal").read_bytes()
        for secret in (b"client-secret", b"PRIVATE KEY", b"app-hook-secret", b"ghu_access", b"ghr_refresh"):
            assert secret not in kept


async def test_a_registration_that_could_not_be_stored_leaves_no_app(tmp_path: Path) -> None:
    async with open_house(tmp_path, app=None) as house:
        state = state_in((await house.engine.accounts.begin_registration("test", None)).url)
        house.world.calls.fail("ledger.write", None, Unavailable(Code.DISK_FULL, "full", fault=Fault.BOX))
        with pytest.raises(Unavailable):
            await house.engine.accounts.finish_registration("code", state)
        assert (await house.engine.accounts.status()).state == "unconfigured"


async def test_registration_refuses_what_github_would(tmp_path: Path) -> None:
    async with open_house(tmp_path, app=None, webhooks=False) as house:
        for name in ("", "a/b", "-x", "x" * 40, "../x"):
            with pytest.raises(Invalid):
                await house.engine.accounts.begin_registration("test", name)
        older = state_in((await house.engine.accounts.begin_registration("test", None)).url)
        newer = state_in((await house.engine.accounts.begin_registration("test", None)).url)
        with pytest.raises(Conflict):
            await house.engine.accounts.manifest_form(older)
        manifest = json.loads((await house.engine.accounts.manifest_form(newer)).manifest)
        assert "hook_attributes" not in manifest and manifest["default_events"] == []
        with pytest.raises(Invalid):
            await house.engine.accounts.finish_registration(None, newer)


async def test_an_organisations_owner_has_to_approve_first(house: House) -> None:
    ticket = await house.engine.accounts._registration.installation_page("test")
    with pytest.raises(Conflict) as refused:
        await house.engine.accounts.finish_installation(None, "request", state_in(ticket))
    assert refused.value.code is Code.GITHUB_DENIED and "approve" in refused.value.detail


async def test_a_new_pair_of_tokens_is_stored_before_it_is_used(house: House) -> None:
    await house.connect()
    await house.settle()
    house.world.now += seconds(28800)
    house.world.calls.clear()
    await house.engine.catalogue.sync()
    names = house.world.calls.names
    used = names.index("github.user_installations")
    assert names[names.index("github.refresh") : used] == ["github.refresh", "ledger.write", "ledger.written"]
    await house.restart()
    await house.engine.catalogue.sync()
    assert house.world.calls.count("github.refresh") == 1


async def test_two_who_need_a_token_at_once_refresh_it_once(house: House) -> None:
    await house.connect()
    house.world.now += seconds(28800)
    connecting = house.engine.catalogue._connecting
    first, second = await asyncio.gather(connecting.user_token(), connecting.user_token())
    assert first == second
    assert house.world.calls.count("github.refresh") == 1


async def test_a_dead_refresh_token_becomes_reconnect_and_is_not_tried_again(house: House) -> None:
    await house.live(1)
    house.world.now += seconds(28800)
    house.hub.refresh = "somebody else used it"
    for _ in range(3):
        await house.engine.catalogue.start_sync()
    assert house.world.calls.count("github.refresh") == 1
    status = await house.engine.accounts.status()
    assert (status.connected, status.state) == (False, "reconnect")
    assert "connected again" in (await house.engine.doctor.look())[0].title
    await house.push(2)
    await house.idle()
    assert house.serves() == sha(2)  # the App's own tokens still deploy
    await house.connect()
    assert (await house.engine.accounts.status()).connected


async def test_a_token_that_github_refuses_becomes_reconnect(house: House) -> None:
    await house.connect()
    house.hub.access = "revoked on GitHub's pages"
    await house.engine.catalogue.start_sync()
    assert (await house.engine.accounts.status()).state == "reconnect"


async def test_github_being_down_during_a_refresh_is_not_a_reconnect(house: House) -> None:
    await house.connect()
    house.world.now += seconds(28800)
    down = Unavailable(Code.GITHUB_UNREACHABLE, "GitHub does not answer", fault=Fault.GITHUB)
    house.world.calls.fail("github.refresh", down)
    with pytest.raises(Unavailable):
        await house.engine.catalogue.sync()
    assert (await house.engine.accounts.status()).connected
    await house.engine.catalogue.sync()


async def test_a_crash_between_refresh_and_storing_asks_to_connect_again(house: House) -> None:
    await house.connect()
    house.world.now += seconds(28800)
    house.world.calls.fail("ledger.write", Unavailable(Code.DISK_FULL, "full", fault=Fault.BOX))
    with pytest.raises(Unavailable):
        await house.engine.catalogue.sync()
    await house.restart()
    await house.engine.catalogue.start_sync()
    assert (await house.engine.accounts.status()).state == "reconnect"


async def test_disconnecting_revokes_wipes_and_pauses_but_leaves_apps_running(house: House) -> None:
    await house.live(1)
    await house.engine.accounts.disconnect()
    assert house.hub.revoked[-1] == "ghu_access1"
    assert (await house.engine.accounts.status()).state == "registered"
    project = await house.project()
    assert project.paused_reason == DISCONNECTED and project.link and not project.link.active
    assert house.serves() == sha(1)
    await house.settle()  # the hook is removed
    asked = len(house.hub.asked)
    receipt = await house.push(2)
    assert receipt.verdicts[0].code == "paused"
    await house.engine.polling.poll()
    with pytest.raises(Conflict):
        await house.engine.catalogue.sync()
    with pytest.raises(Conflict) as refused:
        await house.create("second")
    assert refused.value.code is Code.GITHUB_NOT_CONNECTED
    with pytest.raises(Conflict):
        await house.engine.accounts.branches(REPO, "", Page())
    with pytest.raises(Conflict):
        await house.engine.projects.resume(project.id)
    await house.engine.projects.redeploy(project.id, clear_cache=False)
    await house.idle()
    assert (await house.newest()).failure
    assert len(house.hub.asked) == asked
    await house.connect()
    assert (await house.project()).paused_reason is None
    await house.engine.polling.poll()
    await house.idle()
    assert house.serves() == sha(2)


async def test_connecting_again_does_not_revive_what_the_account_does_not_reach(house: House) -> None:
    await house.live(1)
    await house.engine.accounts.disconnect()
    house.hub.installations = {InstallationId(43): installation(43)}
    await house.connect()
    project = await house.project()
    assert project.paused_reason == GONE and project.link and not project.link.active


async def test_a_sync_pages_through_everything(house: House) -> None:
    house.hub.repositories |= {RepoId(n): repository(n, f"r{n}") for n in range(2000, 2011)}
    await house.connect()
    assert house.world.calls.count("github.repositories") == 7
    found, _ = await house.engine.accounts.repositories(None, "", Page(limit=200))
    assert len(found) == 13
    found, _ = await house.engine.accounts.repositories(INSTALLATION, "r2005", Page())
    assert found[0][0].name == "r2005"


async def test_what_left_the_scope_pauses_its_projects_and_what_comes_back_resumes_them(house: House) -> None:
    await house.live(1)
    gone = house.hub.repositories.pop(REPO)
    await house.engine.catalogue.sync()
    assert (await house.project()).paused_reason == OUT_OF_SCOPE
    house.hub.repositories[REPO] = gone
    await house.engine.catalogue.sync()
    project = await house.project()
    assert project.paused_reason is None and project.link and project.link.active


async def test_a_sync_that_breaks_off_drops_nothing(house: House) -> None:
    await house.live(1)
    house.hub.repositories |= {RepoId(n): repository(n, f"r{n}") for n in range(2000, 2003)}
    down = Unavailable(Code.GITHUB_UNREACHABLE, "GitHub does not answer", fault=Fault.GITHUB)
    house.world.calls.fail("github.repositories", None, down)
    await house.engine.catalogue.start_sync()
    assert (await house.project()).paused_reason is None
    told = (await house.engine.feed.after(0, 1000))[-1].data
    assert told["change"] == "sync_failed" and told["detail"] == "GitHub does not answer"


async def test_renames_and_moves_to_another_installation_are_followed_by_id(house: House) -> None:
    await house.live(1)
    house.hub.installations[InstallationId(43)] = installation(43, account_login="acme")
    moved = repository(
        REPO, "renamed", installation_id=InstallationId(43), full_name="acme/renamed", owner_login="acme"
    )
    house.hub.repositories[REPO] = moved
    await house.engine.catalogue.sync()
    link = (await house.project()).link
    assert link and (link.full_name, link.installation_id, link.active) == ("acme/renamed", 43, True)
    await house.push(2)
    await house.idle()
    assert house.serves() == sha(2)


async def test_a_suspended_installation_is_not_asked_and_its_projects_wait(house: House) -> None:
    await house.live(1)
    house.hub.installations[INSTALLATION] = installation(suspended=True)
    asked = house.world.calls.count("github.repositories")
    await house.engine.catalogue.sync()
    assert (await house.project()).paused_reason == SUSPENDED
    assert house.world.calls.count("github.repositories") == asked
    house.hub.installations[INSTALLATION] = installation()
    await house.engine.catalogue.sync()
    assert (await house.project()).paused_reason is None


async def test_a_pause_of_the_owners_outlives_one_of_githubs(house: House) -> None:
    project = await house.live(1)
    await house.database.write(lambda r: r.projects.update(replace(project, paused_reason="by you")))
    for suspended in (True, False):
        house.hub.installations[INSTALLATION] = installation(suspended=suspended)
        await house.engine.catalogue.sync()
        project = await house.project()
        assert project.paused_reason == "by you" and project.link and project.link.active is not suspended


async def test_permissions_that_were_not_given_are_shown(house: House) -> None:
    house.hub.installations[INSTALLATION] = installation(permissions={"contents": "write", "repository_hooks": "read"})
    await house.connect()
    ((_, missing),) = (await house.engine.accounts.status()).installations
    assert missing == ("metadata: read", "repository_hooks: write")
    assert any("lacks metadata: read" in finding.title for finding in await house.engine.doctor.look())


async def test_branches_are_asked_anew_after_half_a_minute(house: House) -> None:
    await house.connect()
    house.commit(1)
    house.commit(2, branch="next")
    for _ in range(2):
        await house.engine.accounts.branches(REPO, "", Page())
    found, _ = await house.engine.accounts.branches(REPO, "", Page())
    assert [(one.name, one.default) for one in found] == [("main", True), ("next", False)]
    assert house.world.calls.count("github.branches") == 1
    house.world.now += seconds(31)
    await house.engine.accounts.branches(REPO, "", Page())
    assert house.world.calls.count("github.branches") == 2
    with pytest.raises(BoxError) as refused:
        await house.engine.accounts.branches(RepoId(5), "", Page())
    assert refused.value.code is Code.REPOSITORY_UNKNOWN
