"""Which secret signs which hook: the App's for its own hook, a link's for its repository's; opened once and kept in
memory."""

from __future__ import annotations

from dataclasses import dataclass

from nanoscale_box.core.model import ProjectId, RepoId
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.ports import Place, Vault
from nanoscale_box.engine.records import Ledger, Records


def link_place(project_id: ProjectId) -> Place:
    """Where a link's webhook secret rests."""
    return Place(table="project_github_links", row=project_id, column="webhook_secret_encrypted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A secret, and the one repository it may speak for; None: all that the App is installed on."""

    secret: Secret
    repo_id: RepoId | None = None


class Keyring:
    """Finds the secrets a delivery may be signed with. Whoever changes a secret or a hook's id calls `forget`."""

    def __init__(self, *, ledger: Ledger, vault: Vault, app: AppKeeper) -> None:
        self._ledger = ledger
        self._vault = vault
        self._app = app
        self._links: dict[int | None, list[Key]] | None = None
        self._forgotten = 0

    async def keys_for(self, target_type: str | None, hook_id: int | None) -> list[Key]:
        """The secrets to try, the likeliest first. A hook whose id is not recorded yet may be any link's without
        one."""
        app = await self._app.current()
        own = [Key(secret=app.webhook_secret)] if app else []
        if target_type != "repository":
            return own
        links = await self._opened()
        return links.get(hook_id) or [*own, *links.get(None, [])]

    def forget(self) -> None:
        """Read the secrets anew at the next delivery."""
        self._links = None
        self._forgotten += 1

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
                key = Key(secret=self._vault.open(sealed, link_place(project.id)), repo_id=project.link.repo_id)
                keys = found.setdefault(project.link.webhook_id, [])
                if key.secret and key not in keys:
                    keys.append(key)
        return found
