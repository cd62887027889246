"""Which secret signs which hook: the App's for its own hook, a link's for its repository's; opened once and kept in
memory."""

from __future__ import annotations

from nanoscale_box.core.model import ProjectId
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.ports import Place, Vault
from nanoscale_box.engine.records import Ledger, Records


def link_place(project_id: ProjectId) -> Place:
    """Where a link's webhook secret rests."""
    return Place(table="project_github_links", row=project_id, column="webhook_secret_encrypted")


class Keyring:
    """Finds the secrets a delivery may be signed with. Whoever changes a secret or a hook's id calls `forget`."""

    def __init__(self, *, ledger: Ledger, vault: Vault, app: AppKeeper) -> None:
        self._ledger = ledger
        self._vault = vault
        self._app = app
        self._links: dict[int | None, list[Secret]] | None = None

    async def secrets_for(self, target_type: str | None, hook_id: int | None) -> list[Secret]:
        """The secrets to try, the likeliest first. A hook whose id is not recorded yet may be any link's without
        one."""
        app = await self._app.current()
        own = [app.webhook_secret] if app else []
        if target_type != "repository":
            return own
        if self._links is None:
            self._links = await self._ledger.read(self._open_links)
        return self._links.get(hook_id) or [*own, *self._links.get(None, [])]

    def forget(self) -> None:
        """Read the secrets anew at the next delivery."""
        self._links = None

    def _open_links(self, records: Records) -> dict[int | None, list[Secret]]:
        found: dict[int | None, list[Secret]] = {}
        for project in records.projects.list():
            sealed = records.projects.link_secret(project.id) if project.link else None
            if project.link and sealed:
                secret = self._vault.open(sealed, link_place(project.id))
                secrets = found.setdefault(project.link.webhook_id, [])
                if secret and secret not in secrets:
                    secrets.append(secret)
        return found
