"""A push hook per repository with a linked project: made once, found again, shared, mended, removed with the last
project."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from nanoscale_box.core.audit import BOX, Act
from nanoscale_box.core.errors import BoxError, Code, Conflict
from nanoscale_box.core.github_model import Hook, Installation
from nanoscale_box.core.model import InstallationId, Link, Project, ProjectId, RepoId
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.doors import Doors
from nanoscale_box.engine.following import ENSURE, SUSPENDED
from nanoscale_box.engine.jobs import Jobs
from nanoscale_box.engine.keyring import Keyring, link_place
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.overlap import Overlap, of_repository
from nanoscale_box.engine.ports import Github
from nanoscale_box.engine.records import Job, Records

REMOVE: Final = "remove_hook"


class Hooks:
    """Sees to repository hooks through durable jobs."""

    def __init__(
        self,
        *,
        desk: Desk,
        github: Github,
        app: AppKeeper,
        keyring: Keyring,
        jobs: Jobs,
        doors: Doors,
    ) -> None:
        self._ledger = desk.ledger
        self._clock = desk.clock
        self._ids = desk.ids
        self._vault = desk.vault
        self._random = desk.random
        self._reached = desk.reached
        self._overlap = Overlap(desk.vault)
        self._github = github
        self._app = app
        self._keyring = keyring
        self._jobs = jobs
        self._doors = doors
        self._refused: dict[RepoId, BoxError] = {}
        jobs.serve(ENSURE, self._ensure)
        jobs.serve(REMOVE, self._remove)

    @property
    def refused(self) -> dict[RepoId, BoxError]:
        """Why a repository has no hook, where only the owner can mend that."""
        return dict(self._refused)

    def want(self, records: Records, project: Project) -> None:
        """Within the transaction that links a project: give the link its secret and order its hook."""
        if project.link is None:
            return
        shared = self._shared(records, project)
        secret = self._open(records, shared.id) if shared else self.new_secret()
        records.projects.set_link_secret(project.id, self._vault.seal(secret, link_place(project.id)))
        self.order(records, project)

    def release(self, records: Records, project: Project) -> None:
        """Within the transaction that removes a project: order the hook's removal if it was the repository's last."""
        if project.link is None or self._shared(records, project):
            return
        self._overlap.drop(records, of_repository(project.link.repo_id))
        self.dismiss(records, project.link)

    def order(self, records: Records, project: Project, *, renew: bool = False) -> None:
        """Within a transaction: have the project's hook made or mended; `renew` gives GitHub its secret in any case."""
        if project.link and self._doors.webhook:
            self._order(records, ENSURE, {"project_id": project.id, "renew": renew})

    def dismiss(self, records: Records, link: Link) -> None:
        """Within a transaction: order the removal of a repository's hook; it is kept if a project needs it by then."""
        if link.webhook_id or self._doors.webhook:
            order = {"installation_id": link.installation_id, "repo_id": link.repo_id, "hook_id": link.webhook_id}
            self._order(records, REMOVE, order)

    def leave_all(self, records: Records) -> None:
        """Within the transaction that disconnects: order the removal of every hook, and forget their ids."""
        seen: set[RepoId] = set()
        for project in records.projects.list():
            if project.link is None:
                continue
            if project.link.repo_id not in seen:
                seen.add(project.link.repo_id)
                self.dismiss(records, project.link)
            records.projects.update(replace(project, link=replace(project.link, webhook_id=None)))

    def restore_all(self, records: Records) -> None:
        """Within the transaction that connects: order the hook of every repository whose projects go on."""
        seen: set[RepoId] = set()
        for project in records.projects.list():
            if project.link and project.link.active and project.link.repo_id not in seen:
                seen.add(project.link.repo_id)
                self.order(records, project)

    def changed(self) -> None:
        """After the commit: read secrets anew and do what was ordered."""
        self._keyring.forget()
        self._jobs.wake()

    def new_secret(self) -> Secret:
        """A secret nobody can guess."""
        return Secret(self._random(32).hex())

    async def _ensure(self, payload: str) -> None:
        """Find the hook by its id or URL or make it, then record its id; safe to do again from any point."""
        order = json.loads(payload)
        project_id = ProjectId(order["project_id"])
        project = await self._ledger.read(lambda records: records.projects.get(project_id))
        url = self._doors.webhook
        if project is None or project.link is None or not project.link.active or url is None:
            return
        link = project.link
        secret = await self._ledger.read(lambda records: self._open(records, project_id))
        try:
            hook = await self._settle(link, url, secret, renew=bool(order.get("renew")))
        except BoxError as error:
            if error.may_retry:
                raise
            self._refused[link.repo_id] = error  # asking again changes nothing until the owner has
            return
        self._refused.pop(link.repo_id, None)
        await self._ledger.write(lambda records: self._settled(records, project_id, link.repo_id, hook.hook_id))
        self._keyring.forget()

    async def _settle(self, link: Link, url: str, secret: Secret, *, renew: bool) -> Hook:
        """The one hook that leads here. One with our URL is taken over (its secret is set anew, since GitHub never
        tells it), one of ours that points at an old URL is led here."""
        where = (await self._app.required(), link.installation_id, link.repo_id)
        for last in (False, True):
            hooks = await self._github.hooks(*where)
            here = next((hook for hook in hooks if hook.url == url), None)
            known = next((hook for hook in hooks if hook.hook_id == link.webhook_id), None)
            if here and known and here.hook_id != known.hook_id:
                await self._github.delete_hook(*where, known.hook_id)
            if here and here.hook_id == link.webhook_id and in_order(here, url) and not renew:
                return here
            if found := here or known:
                return await self._github.update_hook(*where, found.hook_id, url, secret)
            try:
                hook = await self._github.create_hook(*where, url, secret)
                self._reached("hook done")
                return hook
            except Conflict:  # it was made meanwhile, or by a call whose answer was lost
                if last:
                    raise
        raise AssertionError("the second try returns or raises")

    async def _remove(self, payload: str) -> None:
        """Delete the hook, by its recorded id or found by its URL; one that is gone already is fine."""
        order = json.loads(payload)
        app = await self._app.current()
        installation_id, repo_id = InstallationId(order["installation_id"]), RepoId(order["repo_id"])
        known = await self._installation(installation_id)
        if app is None or known is None or await self._is_needed(repo_id):
            return
        self._refused.pop(repo_id, None)
        if known.suspended:
            raise Conflict(Code.INSTALLATION_SUSPENDED, SUSPENDED, hint="lift the suspension on GitHub")
        try:
            hook_ids = [order["hook_id"]] if order["hook_id"] else []
            if not hook_ids:
                hooks = await self._github.hooks(app, installation_id, repo_id)
                hook_ids = [hook.hook_id for hook in hooks if hook.url == self._doors.webhook]
            for hook_id in hook_ids:
                await self._github.delete_hook(app, installation_id, repo_id, hook_id)
                gone = Act(who=BOX, action="hook.removed", target=str(repo_id), detail=f"hook {hook_id}")
                await self._ledger.write(partial(_note, gone, self._clock.now()))
        except BoxError as error:
            if error.may_retry or error.code is Code.INSTALLATION_SUSPENDED:
                raise  # else the repository is out of the App's reach, and its hook with it

    async def _is_needed(self, repo_id: RepoId) -> bool:
        projects = await self._ledger.read(lambda records: records.projects.on_repository(repo_id))
        return self._doors.webhook is not None and any(one.link and one.link.active for one in projects)

    async def _installation(self, installation_id: InstallationId) -> Installation | None:
        return await self._ledger.read(lambda records: records.github.installation(installation_id))

    def _shared(self, records: Records, project: Project) -> Project | None:
        """Another project on the same repository, whose hook and secret are the same."""
        if project.link is None:
            return None
        others = records.projects.on_repository(project.link.repo_id)
        return next((other for other in others if other.id != project.id and other.link), None)

    def _open(self, records: Records, project_id: ProjectId) -> Secret:
        sealed = records.projects.link_secret(project_id)
        if sealed is None:
            raise Conflict(Code.STATE_CONFLICT, "the project's link has no webhook secret")
        return self._vault.open(sealed, link_place(project_id))

    def _order(self, records: Records, kind: str, payload: Mapping[str, object]) -> None:
        records.keeper.add_job(
            Job(id=self._ids.new("job"), kind=kind, payload=json.dumps(payload), due_at=self._clock.now())
        )

    def _settled(self, records: Records, project_id: ProjectId, repo_id: RepoId, hook_id: int) -> None:
        """All projects on the repository share the hook; an older secret verifies only a while longer."""
        project = records.projects.get(project_id)
        if project is None or project.link is None:
            return
        now = self._clock.now()
        self._overlap.settled(records, of_repository(repo_id), now)
        records.audit.add(Act(who=BOX, action="hook.settled", target=str(repo_id), detail=f"hook {hook_id}"), now)
        for sharing in records.projects.on_repository(repo_id):
            if sharing.link:
                records.projects.update(replace(sharing, link=replace(sharing.link, webhook_id=hook_id)))


def _note(act: Act, at: datetime, records: Records) -> None:
    records.audit.add(act, at)


def in_order(hook: Hook, url: str) -> bool:
    """Whether a hook does what the box needs of it."""
    return hook.url == url and hook.active and "push" in hook.events
