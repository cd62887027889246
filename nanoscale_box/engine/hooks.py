"""A push hook per repository with a linked project: made once, found again, shared, mended, removed with the last
project."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from nanoscale_box.core.errors import Code, Conflict
from nanoscale_box.core.github_model import App, Hook
from nanoscale_box.core.model import InstallationId, Link, Project, ProjectId, RepoId
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.doors import Doors
from nanoscale_box.engine.following import SUSPENDED
from nanoscale_box.engine.jobs import Jobs
from nanoscale_box.engine.keyring import Keyring, link_place
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.ports import Github
from nanoscale_box.engine.records import Job, Records

ENSURE, REMOVE = "ensure_hook", "remove_hook"


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
        self._github = github
        self._app = app
        self._keyring = keyring
        self._jobs = jobs
        self._doors = doors
        jobs.serve(ENSURE, self._ensure)
        jobs.serve(REMOVE, self._remove)

    def want(self, records: Records, project: Project) -> None:
        """Within the transaction that links a project: give the link its secret and order its hook."""
        if project.link is None:
            return
        shared = self._shared(records, project)
        secret = self._open(records, shared.id) if shared else Secret(self._random(32).hex())
        records.projects.set_link_secret(project.id, self._vault.seal(secret, link_place(project.id)))
        if self._doors.webhook:
            self._order(records, ENSURE, {"project_id": project.id})

    def release(self, records: Records, project: Project) -> None:
        """Within the transaction that removes a project: order the hook's removal if it was the repository's last."""
        link = project.link
        if link is None or self._shared(records, project) or not (link.webhook_id or self._doors.webhook):
            return
        order = {"installation_id": link.installation_id, "repo_id": link.repo_id, "hook_id": link.webhook_id}
        self._order(records, REMOVE, order)

    def changed(self) -> None:
        """After the commit: read secrets anew and do what was ordered."""
        self._keyring.forget()
        self._jobs.wake()

    async def _ensure(self, payload: str) -> None:
        """Find the hook by its URL or make it, then record its id; safe to do again from any point."""
        project_id = ProjectId(json.loads(payload)["project_id"])
        project = await self._ledger.read(lambda records: records.projects.get(project_id))
        url = self._doors.webhook
        if project is None or project.link is None or not project.link.active or url is None:
            return
        secret = await self._ledger.read(lambda records: self._open(records, project_id))
        hook = await self._find_or_create(await self._app.required(), project.link, url, secret)
        await self._ledger.write(lambda records: _record_hook(records, project_id, hook.hook_id))
        self._keyring.forget()

    async def _find_or_create(self, app: App, link: Link, url: str, secret: Secret) -> Hook:
        """A hook with our URL is taken over (its secret is set anew, since GitHub never tells it)."""
        where = (app, link.installation_id, link.repo_id)
        for hook in await self._github.hooks(*where):
            if hook.url == url:
                return await self._github.update_hook(*where, hook.hook_id, url, secret)
        try:
            return await self._github.create_hook(*where, url, secret)
        except Conflict:
            for hook in await self._github.hooks(*where):
                if hook.url == url:
                    return await self._github.update_hook(*where, hook.hook_id, url, secret)
            raise

    async def _remove(self, payload: str) -> None:
        """Delete the hook, by its recorded id or found by its URL; one that is gone already is fine."""
        order = json.loads(payload)
        app = await self._app.current()
        installation_id, repo_id = InstallationId(order["installation_id"]), RepoId(order["repo_id"])
        known = await self._ledger.read(lambda records: records.github.installation(installation_id))
        used_again = await self._ledger.read(lambda records: records.projects.on_repository(repo_id))
        if app is None or known is None or used_again:
            return
        if known.suspended:
            raise Conflict(Code.INSTALLATION_SUSPENDED, SUSPENDED, hint="lift the suspension on GitHub")
        hook_ids = [order["hook_id"]] if order["hook_id"] else []
        if not hook_ids:
            hooks = await self._github.hooks(app, installation_id, repo_id)
            hook_ids = [hook.hook_id for hook in hooks if hook.url == self._doors.webhook]
        for hook_id in hook_ids:
            await self._github.delete_hook(app, installation_id, repo_id, hook_id)

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


def _record_hook(records: Records, project_id: ProjectId, hook_id: int) -> None:
    """All projects on the repository share the hook."""
    project = records.projects.get(project_id)
    if project is None or project.link is None:
        return
    for sharing in records.projects.on_repository(project.link.repo_id):
        if sharing.link:
            records.projects.update(replace(sharing, link=replace(sharing.link, webhook_id=hook_id)))
