"""The owner's journey; each step counts only when it was seen from outside: in HTTP answers and GitHub's own log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp

from nanoscale_box.client.errors import ApiError, Unreachable
from nanoscale_box.client.following import Disconnected, Reconnected
from nanoscale_box.demo.browser import Browser
from nanoscale_box.demo.world import World
from nanoscale_box.wire import requests, shapes

STEP_SECONDS = 25.0
PROJECT = "hello"
REPOSITORY = "ada/hello"
HOST = "hello.localhost"
BROKEN_PAGE = "BROKEN on purpose\n"


class NotSeen(Exception):
    """A step was carried out, but what should follow from it was not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One line of the demo's account."""

    step: str
    ok: bool
    ms: int
    detail: str


@dataclass(slots=True)
class Journey:
    """Walks the steps in order; what one learns the next ones use."""

    world: World
    browser: Browser
    page_after_install: str = ""
    repository: shapes.Repository | None = None
    deployments: list[str] = field(default_factory=list)
    """Ids of deployments that were seen live, oldest first."""

    async def walk(self, steps: list[str]) -> AsyncGenerator[Told, None]:
        """Take the named steps; stops at the first that fails."""
        for name in steps:
            began = time.monotonic()
            work: Callable[[], Awaitable[str]] = getattr(self, name)
            try:
                async with asyncio.timeout(STEP_SECONDS):
                    detail, ok = await work(), True
            except TimeoutError:
                detail, ok = f"nothing was seen within {STEP_SECONDS:.0f} s", False
            except (NotSeen, LookupError, ApiError, Unreachable, aiohttp.ClientError) as error:
                detail, ok = str(error), False
            yield Told(step=name, ok=ok, ms=round((time.monotonic() - began) * 1000), detail=detail)
            if not ok:
                return

    async def register(self) -> str:
        """Register the App from a manifest, as one click in the browser does."""
        redirect = await self.world.client.register_app()
        ours = await self.browser.open(redirect.redirect_url)
        asked = await self.browser.send(ours)
        reached = await self.browser.send(asked, "create")
        apps = (await self.world.ask("state"))["apps"]
        see(len(apps) == 1, "GitHub has no App of this box")
        see("/installations/new" in reached.url, f"the browser was led to {reached.url.partition('?')[0]}")
        self.page_after_install = reached.url
        return f"GitHub App {apps[0]['slug']} registered from a manifest"

    async def connect(self) -> str:
        """Install the App and authorise it: OAuth with state and PKCE."""
        asked = await self.browser.open(self.page_after_install)
        authorise = await self.browser.send(asked, "install", account="ada")
        landed = await self.browser.send(authorise, "authorize")
        see(landed.status == 200 and "/integrations/github" in landed.url, "the browser did not land on the box")
        state = await self.world.ask("state")
        see(len(state["grants"]) == 1, "GitHub knows of no grant")
        status = await self.world.client.github_status()
        see(status.connected and status.account_login == "ada", "the box does not say that it is connected")
        return f"connected as {status.account_login}, {status.mode}"

    async def sync(self) -> str:
        """Fill the cache of repositories and find the private one."""
        await self.world.client.sync_repos()
        async for event in self.world.client.events(0):
            if isinstance(event, shapes.Event) and event.data.get("change") == "synced":
                break
        found = await self.world.client.repos(query=PROJECT)
        self.repository = next((one for one in found.items if one.full_name == REPOSITORY), None)
        see(self.repository is not None and self.repository.is_private, f"{REPOSITORY} is not listed as private")
        return f"{event_count(event)} repositories, {REPOSITORY} among them (private)"

    async def create(self) -> str:
        """Create the project from the private repository."""
        if self.repository is None:
            raise NotSeen("no repository was chosen")
        branches = await self.world.client.branches(self.repository.repo_id)
        see(branches.items[0].default, "the default branch is not the first")
        source = requests.GithubSource(
            installation_id=self.repository.installation_id,
            repo_id=self.repository.repo_id,
            selected_branch=branches.items[0].name,
        )
        created = await self.world.client.create_project(requests.CreateProject(name=PROJECT, github_source=source))
        return f"project {created.project.name}, branch {created.project.branch}, {created.project.url}"

    async def live(self) -> str:
        """Wait for the first release: cloned with a short-lived token, built, started, healthy, routed."""
        deployment = await self._ended(1)
        see(deployment.state == "live", why_not(deployment))
        log = (await self.world.ask("requests"))["requests"]
        fetched = [one for one in log if one["path"].endswith("/git-upload-pack") and one["status"] == 200]
        see(bool(fetched), "GitHub saw no git fetch")
        see(
            all(one["auth"] == "installation" for one in fetched), "git fetched with something else than an App's token"
        )
        self.deployments.append(deployment.id)
        return f"#{deployment.number} live at commit {(deployment.sha or '')[:7]}"

    async def page(self) -> str:
        """Fetch the page through the ingress."""
        return await self._page_says("version 1")

    async def push(self) -> str:
        """Push a commit; the App's hook and the repository's must both tell the box."""
        await self._hooks(wanted=True)
        before = await self._answered()
        sha = await self._push("version 2")
        told = (await self._answered())[len(before) :]
        see({one["from"] for one in told} == {"app", "repository"}, f"hooks that fired: {[o['from'] for o in told]}")
        see(all(one["status_code"] in (200, 202) for one in told), f"answers: {[o['status_code'] for o in told]}")
        return f"{sha[:7]} pushed; {len(told)} hooks told the box, answered {[one['status_code'] for one in told]}"

    async def redeploy(self) -> str:
        """Exactly one redeploy, although two hooks fired."""
        deployment = await self._ended(2)
        see(deployment.state == "live", why_not(deployment))
        verdicts = await self._push_verdicts(deployment.sha)
        see([one.outcome for one in verdicts].count("deployed") == 1, f"verdicts: {[v.outcome for v in verdicts]}")
        see([one.outcome for one in verdicts].count("ignored") == 1, f"verdicts: {[v.outcome for v in verdicts]}")
        see(await self._count() == 2, "more than one redeploy was made")
        self.deployments.append(deployment.id)
        return f"#{deployment.number} live; the other hook's push: {ignored_reason(verdicts)}"

    async def page2(self) -> str:
        """Fetch the new page."""
        return await self._page_says("version 2")

    async def broken(self) -> str:
        """Push a commit whose build fails; the old page must still be served."""
        await self._push(BROKEN_PAGE)
        deployment = await self._ended(3)
        see(deployment.state == "failed" and deployment.error is not None, f"#3 is {deployment.state}")
        await self._page_says("version 2")
        return f"#3 failed: {deployment.error.detail if deployment.error else ''}; the old page is still served"

    async def other_branch(self) -> str:
        """Push to another branch; nothing may be deployed, and the verdict must say why."""
        order = {"repo": REPOSITORY, "branch": "feature/x", "files": {"page.txt": "not for main\n"}, "message": "Try"}
        sha = await self.world.push(order)
        await self._answered()
        verdicts = await self._push_verdicts(sha)
        see([one.code for one in verdicts] == ["other_branch"] * 2, f"verdicts: {[v.code for v in verdicts]}")
        see(await self._count() == 3, "another branch was deployed")
        await self._page_says("version 2")
        return verdicts[0].reason

    async def delete(self) -> str:
        """Delete the project; its hook must be gone at GitHub and its page at the ingress."""
        await self.world.client.delete_project(PROJECT)
        await self._hooks(wanted=False)
        status, _ = await self.world.page(HOST)
        see(status == 404, f"the page still answers {status}")
        return "project gone, hook gone, page 404"

    async def _push(self, page: str) -> str:
        text = page if page is BROKEN_PAGE else f"Hello from nanoscale-box, {page}\n"
        return await self.world.push(
            {"repo": REPOSITORY, "branch": "main", "files": {"page.txt": text}, "message": f"Say {page.strip()}"}
        )

    async def _hooks(self, *, wanted: bool) -> None:
        """Wait until GitHub has the repository's hook, or has it no more."""
        while bool((await self.world.ask("state"))["hooks"]) is not wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # another system's state: there is no event to wait for

    async def _answered(self) -> list[dict[str, object]]:
        """Push deliveries that GitHub made, once none is under way."""
        told = (await self.world.ask("deliveries?settled=1"))["deliveries"]
        return [one for one in told if one["event"] == "push"]

    async def _ended(self, number: int) -> shapes.Deployment:
        """Wait until deployment `number` is live or failed."""
        async for event in self.world.client.events(0):
            if isinstance(event, Disconnected | Reconnected) or event.kind != "deployment":
                continue
            if event.data["number"] == number and event.data["state"] in ("live", "failed", "superseded"):
                return await self.world.client.deployment(str(event.deployment_id))
        raise NotSeen(f"the stream ended before #{number} did")

    async def _push_verdicts(self, sha: str | None) -> list[shapes.Verdict]:
        page = await self.world.client.verdicts(PROJECT)
        return [one for one in page.items if one.sha == sha and one.source == "push"]

    async def _count(self) -> int:
        return len((await self.world.client.deployments(PROJECT)).items)

    async def _page_says(self, words: str) -> str:
        status, text = await self.world.page(HOST)
        see(status == 200 and words in text, f"the page answered {status}: {text[:80]!r}")
        return f"http://{HOST}:{self.world.ingress_port}/ says “{words}”"


def see(seen: bool, otherwise: str) -> None:
    """Go on only if it was seen."""
    if not seen:
        raise NotSeen(otherwise)


def why_not(deployment: shapes.Deployment) -> str:
    """Why a deployment is not live."""
    return f"#{deployment.number} is {deployment.state}: {deployment.error.detail if deployment.error else ''}"


def ignored_reason(verdicts: list[shapes.Verdict]) -> str:
    """The reason of the verdict that ignored."""
    return next((one.reason for one in verdicts if one.outcome == "ignored"), "")


def event_count(event: object) -> object:
    """How many repositories a sync told of."""
    return event.data.get("repositories") if isinstance(event, shapes.Event) else None
