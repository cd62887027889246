"""Gives every hook a new secret; the old one verifies until GitHub has the new one, and a while longer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from nanoscale_box.core.model import RepoId
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.doors import Doors
from nanoscale_box.engine.hooks import Hooks
from nanoscale_box.engine.jobs import Jobs
from nanoscale_box.engine.keyring import link_place
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.overlap import APP, OVERLAP, Overlap, of_repository
from nanoscale_box.engine.ports import Github
from nanoscale_box.engine.records import Job, Records
from nanoscale_box.engine.telling import tell_github

ROTATE_APP: Final = "rotate_app_hook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What was given a new secret; the old ones verify for so many seconds after GitHub has the new ones."""

    repository_hooks: int
    app_hook: bool
    overlap_seconds: int
    note: str | None = None


class Rotation:
    """New secrets are stored beside the old ones before GitHub is told, so that no crash and no outage between the two
    makes a delivery fail."""

    def __init__(self, *, desk: Desk, github: Github, app: AppKeeper, hooks: Hooks, jobs: Jobs, doors: Doors) -> None:
        self._ledger = desk.ledger
        self._clock = desk.clock
        self._ids = desk.ids
        self._vault = desk.vault
        self._overlap = Overlap(desk.vault)
        self._github = github
        self._app = app
        self._hooks = hooks
        self._doors = doors
        jobs.serve(ROTATE_APP, self._give_app_its_secret)

    async def rotate(self) -> Rotated:
        """Store the new secrets and order that GitHub is given them."""
        app = await self._app.required()

        def work(records: Records) -> Rotated:
            now = self._clock.now()
            own = not app.from_environment
            if own:
                self._overlap.replaced(records, APP, app.webhook_secret, now)
                self._app.keep(records, replace(app, webhook_secret=self._hooks.new_secret()))
                records.keeper.add_job(Job(id=self._ids.new("job"), kind=ROTATE_APP, payload="{}", due_at=now))
            repositories = self._rotate_links(records)
            tell_github(records, "secrets_rotated", now)
            return Rotated(
                repository_hooks=len(repositories),
                app_hook=own,
                overlap_seconds=int(OVERLAP.total_seconds()),
                note=None if own else _FROM_OUTSIDE,
            )

        done = await self._ledger.write(work)
        self._app.changed()
        self._hooks.changed()
        return done

    def _rotate_links(self, records: Records) -> set[RepoId]:
        fresh: dict[RepoId, Secret] = {}
        for project in records.projects.list():
            link, sealed = project.link, records.projects.link_secret(project.id)
            if link is None or sealed is None:
                continue
            if link.repo_id not in fresh:
                fresh[link.repo_id] = self._hooks.new_secret()
                old = self._vault.open(sealed, link_place(project.id))
                self._overlap.replaced(records, of_repository(link.repo_id), old, self._clock.now())
                if link.active:
                    self._hooks.order(records, project, renew=True)
            place = link_place(project.id)
            records.projects.set_link_secret(project.id, self._vault.seal(fresh[link.repo_id], place))
        return set(fresh)

    async def _give_app_its_secret(self, _: str) -> None:
        app = await self._app.current()
        if app is None or app.from_environment:
            return
        if self._doors.webhook:
            await self._github.set_app_hook(app, self._doors.webhook, app.webhook_secret)
        await self._ledger.write(lambda records: self._overlap.settled(records, APP, self._clock.now()))
        self._hooks.changed()


_FROM_OUTSIDE: Final = (
    "the App's own hook keeps the secret of NANOSCALE_GITHUB_WEBHOOK_SECRET: change it on GitHub and there, "
    "then restart the box"
)
