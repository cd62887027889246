"""The box's own GitHub App: given by the environment, or registered from a manifest and kept sealed."""

from __future__ import annotations

import json

from nanoscale_box.core.errors import Code, Conflict
from nanoscale_box.core.github_model import App
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.ports import Place, Vault
from nanoscale_box.engine.records import Ledger, Records

_NAME = "github_app"
_PLACE = Place(table="keeper", row=_NAME, column="text")


class AppKeeper:
    """Holds the App's credentials; they are opened once."""

    def __init__(self, *, ledger: Ledger, vault: Vault, given: App | None = None) -> None:
        self._ledger = ledger
        self._vault = vault
        self._app = given

    @property
    def at_hand(self) -> App | None:
        """The App, if it was opened already."""
        return self._app

    async def current(self) -> App | None:
        """The App, or None when there is none yet."""
        if self._app is None:
            sealed = await self._ledger.read(lambda records: records.keeper.get(_NAME))
            self._app = _decode(self._vault.open(sealed, _PLACE)) if sealed else None
        return self._app

    async def required(self) -> App:
        """The App, or `github_not_configured` with the next step."""
        app = await self.current()
        if app is None:
            raise Conflict(
                Code.GITHUB_NOT_CONFIGURED,
                "this box has no GitHub App yet",
                hint="register one with one click: nanoscale-box github connect",
            )
        return app

    def keep(self, records: Records, app: App) -> None:
        """Store a registered App, sealed, within the caller's transaction; `changed` follows the commit."""
        records.keeper.put(_NAME, self._vault.seal(_encode(app), _PLACE))

    def drop(self, records: Records) -> None:
        """Forget a registered App within the caller's transaction; `changed` follows the commit."""
        records.keeper.drop(_NAME)

    def changed(self) -> None:
        """Read a registered App anew."""
        if self._app is not None and not self._app.from_environment:
            self._app = None


def _encode(app: App) -> Secret:
    fields = {
        "app_id": app.app_id,
        "client_id": app.client_id,
        "client_secret": app.client_secret.reveal(),
        "private_key": app.private_key.reveal(),
        "webhook_secret": app.webhook_secret.reveal(),
        "slug": app.slug,
        "html_url": app.html_url,
    }
    return Secret(json.dumps(fields))


def _decode(text: Secret) -> App:
    fields = json.loads(text.reveal())
    return App(
        app_id=fields["app_id"],
        client_id=fields["client_id"],
        client_secret=Secret(fields["client_secret"]),
        private_key=Secret(fields["private_key"]),
        webhook_secret=Secret(fields["webhook_secret"]),
        slug=fields["slug"],
        html_url=fields["html_url"],
    )
