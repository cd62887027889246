"""Which secret signs which hook: the App's for its own hook, a link's for its repository's; opened once and kept in
memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nanoscale_box.core.github_model import App
from nanoscale_box.core.model import ProjectId, RepoId
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.overlap import APP, Old, Overlap, of_repository
from nanoscale_box.engine.ports import Clock, Place, Vault
from nanoscale_box.engine.records import Ledger, Records


def link_place(project_id: ProjectId) -> Place:
    """Where a link's webhook secret rests."""
    return Place(table="project_github_links", row=project_id, column="webhook_secret_encrypted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A secret, and the one repository it may speak for; None: all that the App is installed on."""

    secret: Secret
    repo_id: RepoId | None = None
    until: datetime | None = None
    """When it ends to verify, if it was replaced and GitHub has the new one."""


class Keyring:
    """Finds the secrets a delivery may be signed with. Whoever changes a secret or a hook's id calls `forget`."""

    def __init__(self, *, ledger: Ledger, clock: Clock, vault: Vault, app: AppKeeper) -> None:
        self._ledger = ledger
        self._clock = clock
        self._vault = vault
        self._overlap = Overlap(vault)
        self._app = app
        self._old: list[Old] | None = None
        self._own: list[Key] | None = None
        self._own_of: App | None = None
        self._links: dict[int | None, list[Key]] | None = None
        self._forgotten = 0

    async def keys_for(self, target_type: str | None, hook_id: int | None) -> list[Key]:
        """The secrets to try, the likeliest first. A hook whose id is not recorded yet may be any link's without
        one."""
        app = await self._app.current()
        own = _own(app, await self._opened_old())
        if target_type != "repository":
            return self._usable(own)
        links = await self._opened()
        return self._usable(links.get(hook_id) or [*own, *links.get(None, [])])

    def keys_at_hand(self, target_type: str | None, hook_id: int | None) -> list[Key] | None:
        """As `keys_for`; None: something has to be read first."""
        app, old, links = self._app.at_hand, self._old, self._links
        if app is None or old is None or (links is None and target_type == "repository"):
            return None
        if self._own is None or self._own_of is not app:
            self._own, self._own_of = _own(app, old), app
        own = self._own
        if target_type != "repository" or links is None:
            return self._usable(own)
        return self._usable(links.get(hook_id) or [*own, *links.get(None, [])])

    def forget(self) -> None:
        """Read the secrets anew at the next delivery."""
        self._links = None
        self._old = None
        self._own = None
        self._forgotten += 1

    def _usable(self, keys: list[Key]) -> list[Key]:
        if len(keys) == 1 and keys[0].until is None:  # as nearly always
            return keys
        now = self._clock.now()
        return [key for key in keys if key.until is None or now < key.until]

    async def _opened_old(self) -> list[Old]:
        if self._old is not None:
            return self._old
        before = self._forgotten
        old = await self._ledger.read(lambda records: self._overlap.read(records, APP))
        if self._forgotten == before:
            self._old = old
        return old

    async def _opened(self) -> dict[int | None, list[Key]]:
        if self._links is not None:
            return self._links
        before = self._forgotten
        links = await self._ledger.read(self._open_links)
        if self._forgotten == before:  # else something changed while they were read
            self._links = links
        return links

    def _open_links(self, records: Records) -> dict[int | None, list[Key]]:
        found: dict[int | None, list[Key]] = {}
        for project in records.projects.list():
            sealed = records.projects.link_secret(project.id) if project.link else None
            if project.link and sealed:
                repo_id = project.link.repo_id
                keys = found.setdefault(project.link.webhook_id, [])
                old = self._overlap.read(records, of_repository(repo_id))
                for key in (
                    Key(secret=self._vault.open(sealed, link_place(project.id)), repo_id=repo_id),
                    *(Key(secret=one.secret, repo_id=repo_id, until=one.until) for one in old),
                ):
                    if key.secret and key not in keys:
                        keys.append(key)
        return found


def _own(app: App | None, old: list[Old]) -> list[Key]:
    """The secrets of the App's own hook."""
    own = [Key(secret=app.webhook_secret)] if app and app.webhook_secret else []
    return own + [Key(secret=one.secret, until=one.until) for one in old] if old else own
