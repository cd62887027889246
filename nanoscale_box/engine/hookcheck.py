"""Looks whether every hook leads here, the App's own too, and has those mended that do not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from nanoscale_box.core.errors import BoxError
from nanoscale_box.core.github_model import App, Installation
from nanoscale_box.core.model import Link, Project, ProjectId, RepoId
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.doors import WEBHOOK, Doors
from nanoscale_box.engine.hooks import Hooks, in_order
from nanoscale_box.engine.keyring import Keyring
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.ports import Github
from nanoscale_box.engine.records import Job, Records

CHECK: Final = "check_hooks"
_JOB: Final = "job_check_hooks"
"""One job for all checks: a second order while one waits changes nothing."""
HOOK_RIGHT: Final = "repository_hooks"

HookState = Literal["ok", "missing", "inactive", "old_url", "foreign", "denied", "unreachable", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HookView:
    """How one hook stands. `repo_id` None: the App's own."""

    state: HookState
    repo_id: RepoId | None = None
    full_name: str | None = None
    hook_id: int | None = None
    url: str | None = None
    detail: str | None = None
    project_ids: tuple[ProjectId, ...] = ()


class HookCheck:
    """Compares GitHub's hooks with what the projects need: at start, after each sync, and when the owner asks."""

    def __init__(
        self, *, desk: Desk, github: Github, app: AppKeeper, hooks: Hooks, keyring: Keyring, doors: Doors
    ) -> None:
        self._ledger = desk.ledger
        self._clock = desk.clock
        self._github = github
        self._app = app
        self._hooks = hooks
        self._keyring = keyring
        self._doors = doors
        self._one = asyncio.Lock()

    @property
    def refused(self) -> dict[RepoId, BoxError]:
        """Why a repository has no hook, where only the owner can mend that."""
        return self._hooks.refused

    async def order(self) -> None:
        """Have everything looked at and mended soon; it is tried again while GitHub cannot be reached."""
        far = self._clock.now().replace(year=9000)

        def work(records: Records) -> None:
            if all(job.id != _JOB for job in records.keeper.due_jobs(far, 10_000)):
                records.keeper.add_job(Job(id=_JOB, kind=CHECK, payload="{}", due_at=self._clock.now()))

        await self._ledger.write(work)
        self._hooks.changed()

    async def work(self, _payload: str) -> None:
        """The job."""
        _, failed = await self._look(repair=True)
        if failed is not None:
            raise failed

    async def look(self, *, repair: bool) -> list[HookView]:
        """How each hook stands; with `repair`, what is not in order is mended or ordered to be."""
        views, _ = await self._look(repair=repair)
        return views

    async def _look(self, *, repair: bool) -> tuple[list[HookView], BoxError | None]:
        async with self._one:
            app = await self._app.current()
            if app is None or await self._ledger.read(lambda records: records.github.account()) is None:
                return [], None
            view, failed = await self._own(app, repair=repair)
            views = [view]
            for group, installation in await self._ledger.read(_groups):
                view, error = await self._of_repository(app, group, installation, repair=repair)
                views.append(view)
                failed = error if error and error.may_retry else failed
            return views, failed if failed and failed.may_retry else None

    async def _own(self, app: App, *, repair: bool) -> tuple[HookView, BoxError | None]:
        wanted = self._doors.webhook
        if wanted is None:
            return HookView(state="off", detail="the box polls"), None
        try:
            url = await self._github.app_hook_url(app)
            ours = not url or not app.from_environment or url.endswith(WEBHOOK)
            if url == wanted or not ours:
                state: HookState = "ok" if url == wanted else "foreign"
                return HookView(state=state, url=url), None
            if repair:
                await self._github.set_app_hook(app, wanted, await self._secret_of(app))
                return HookView(state="ok", url=wanted, detail="mended just now"), None
            return HookView(state="old_url" if url else "missing", url=url), None
        except BoxError as error:
            return HookView(state=_failed(error), detail=error.detail), error

    async def _secret_of(self, app: App) -> Secret:
        """An App that was registered without a hook has no secret for one yet."""
        if app.webhook_secret:
            return app.webhook_secret
        made = replace(app, webhook_secret=self._hooks.new_secret())
        await self._ledger.write(lambda records: self._app.keep(records, made))
        self._app.changed()
        self._keyring.forget()
        return made.webhook_secret

    async def _of_repository(
        self, app: App, group: Sequence[Project], installation: Installation | None, *, repair: bool
    ) -> tuple[HookView, BoxError | None]:
        link = _link(group[0])
        try:
            view = await self._seen(app, link, installation)
        except BoxError as error:
            return self._view(group, HookView(state=_failed(error), detail=error.detail)), error
        if repair and view.state in ("missing", "inactive", "old_url"):
            await self._ledger.write(lambda records: self._hooks.order(records, group[0]))
            self._hooks.changed()
            view = replace(view, detail="it is being mended")
        if repair and view.state == "off" and link.webhook_id:
            await self._ledger.write(lambda records: self._let_go(records, link))
            self._hooks.changed()
        return self._view(group, view), None

    async def _seen(self, app: App, link: Link, installation: Installation | None) -> HookView:
        wanted = self._doors.webhook
        if wanted is None:
            return HookView(state="off", hook_id=link.webhook_id, detail="the box polls")
        if installation and not may_keep_hooks(installation):
            detail = "the App may not keep webhooks there; pushes come by the App's own hook"
            return HookView(state="denied", detail=detail)
        hooks = await self._github.hooks(app, link.installation_id, link.repo_id)
        known = next((hook for hook in hooks if hook.hook_id == link.webhook_id), None)
        if known is None:
            return HookView(state="missing")
        if in_order(known, wanted):
            return HookView(state="ok", hook_id=known.hook_id, url=known.url)
        state: HookState = "old_url" if known.url != wanted else "inactive"
        return HookView(state=state, hook_id=known.hook_id, url=known.url)

    def _let_go(self, records: Records, link: Link) -> None:
        """With no public URL there are no hooks."""
        self._hooks.dismiss(records, link)
        for project in records.projects.on_repository(link.repo_id):
            if project.link:
                records.projects.update(replace(project, link=replace(project.link, webhook_id=None)))

    def _view(self, group: Sequence[Project], view: HookView) -> HookView:
        link = _link(group[0])
        ids = tuple(project.id for project in group)
        return replace(view, repo_id=link.repo_id, full_name=link.full_name, project_ids=ids)


def _groups(records: Records) -> list[tuple[list[Project], Installation | None]]:
    """The projects that go on, by repository, each with its installation."""
    groups: dict[RepoId, list[Project]] = {}
    for project in records.projects.list():
        if project.link and project.link.active:
            groups.setdefault(project.link.repo_id, []).append(project)
    return [(group, records.github.installation(_link(group[0]).installation_id)) for group in groups.values()]


def may_keep_hooks(installation: Installation) -> bool:
    """Whether the owner granted the right to webhooks; an installation whose rights are unknown is asked."""
    return not installation.permissions or installation.permissions.get(HOOK_RIGHT) in ("write", "admin")


def _failed(error: BoxError) -> HookState:
    return "unreachable" if error.may_retry else "denied"


def _link(project: Project) -> Link:
    if project.link is None:
        raise LookupError(f"{project.id} has no link")
    return project.link
