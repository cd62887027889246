"""The App given by the environment: all of its variables or none."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nanoscale_box.config_values import Reader
from nanoscale_box.core.github_model import App
from nanoscale_box.core.secret import Secret

_ID: Final = "NANOSCALE_GITHUB_APP_ID"
_CLIENT_ID: Final = "NANOSCALE_GITHUB_APP_CLIENT_ID"
_CLIENT_SECRET: Final = "NANOSCALE_GITHUB_APP_CLIENT_SECRET"  # noqa: S105 - a name
_KEY: Final = "NANOSCALE_GITHUB_APP_PRIVATE_KEY"
_KEY_PATH: Final = "NANOSCALE_GITHUB_APP_PRIVATE_KEY_PATH"
_WEBHOOK_SECRET: Final = "NANOSCALE_GITHUB_WEBHOOK_SECRET"  # noqa: S105 - a name
_PUBLIC: Final = "NANOSCALE_PUBLIC_BASE_URL"


def app_from(reader: Reader, *, webhooks_off: bool) -> App | None:
    """The App, or None when no variable of it is set. If any is, all are required, the public URL too;
    `NANOSCALE_WEBHOOKS=off` lifts the public URL and the webhook secret."""
    names = (_ID, _CLIENT_ID, _CLIENT_SECRET, _KEY, _KEY_PATH, _WEBHOOK_SECRET)
    if not any(reader.text(name) for name in names):
        return None
    lifted = {_WEBHOOK_SECRET, _PUBLIC} if webhooks_off else set()
    for name in (_ID, _CLIENT_ID, _CLIENT_SECRET, _WEBHOOK_SECRET, _PUBLIC):
        if not reader.text(name) and name not in lifted:
            reader.problem(name, "is missing; a GitHub App in the environment needs it")
    app_id = reader.text(_ID) or ""
    if app_id and not (app_id.isascii() and app_id.isdigit()):
        reader.problem(_ID, "must be the App's number")
    return App(
        app_id=app_id,
        client_id=reader.text(_CLIENT_ID) or "",
        client_secret=Secret(reader.text(_CLIENT_SECRET) or ""),
        private_key=_private_key(reader),
        webhook_secret=Secret(reader.text(_WEBHOOK_SECRET) or ""),
        from_environment=True,
    )


def _private_key(reader: Reader) -> Secret:
    inline, path = reader.text(_KEY), reader.text(_KEY_PATH)
    if not inline and not path:
        reader.problem(_KEY_PATH, f"is missing (or {_KEY}); a GitHub App in the environment needs its private key")
        return Secret("")
    name = _KEY if inline else _KEY_PATH
    try:
        pem = inline.replace("\\n", "\n") if inline else Path(str(path)).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reader.problem(name, f"cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}")
        return Secret("")
    if "-----BEGIN" not in pem or "PRIVATE KEY-----" not in pem:
        reader.problem(name, "is not a private key in PEM form")
    return Secret(pem)
