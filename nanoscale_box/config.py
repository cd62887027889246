"""The settings: environment, settings file and systemd credentials, read once and frozen; every error names its
variable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanoscale_box.config_app import app_from
from nanoscale_box.config_values import Listen, Reader
from nanoscale_box.core.errors import Code, ConfigurationError
from nanoscale_box.core.github_model import App
from nanoscale_box.core.secret import Secret
from nanoscale_box.places import default_home, default_socket

VARIABLES: Final[dict[str, str]] = {
    "NANOSCALE_ENV": "`production` or `development`; development allows http for loopback hosts",
    "NANOSCALE_HOME": "database, releases, logs",
    "NANOSCALE_SOCKET": "the local door",
    "NANOSCALE_LISTEN": "the public door",
    "NANOSCALE_API_LISTEN": "the whole API over TCP as well, for bearer tokens only; off unless set",
    "NANOSCALE_PUBLIC_BASE_URL": "where GitHub and browsers reach the public door, through a tunnel or a proxy",
    "NANOSCALE_INGRESS_LISTEN": "where apps are served",
    "NANOSCALE_INGRESS_HTTPS_LISTEN": "where public domains are served over https; `off`, or like `:443`",
    "NANOSCALE_ACME_URL": "the ACME directory that certificates are asked from",
    "NANOSCALE_ACME_EMAIL": "where the authority may write to about certificates",
    "NANOSCALE_WEBHOOKS": "`auto`, `on`, or `off` (polling on purpose)",
    "NANOSCALE_BASE_DOMAIN": "an app's default host is NAME.<base domain>",
    "NANOSCALE_GITHUB_URL": "GitHub's pages",
    "NANOSCALE_GITHUB_API_URL": "GitHub's API",
    "NANOSCALE_GITHUB_APP_ID": "from the App's page on GitHub",
    "NANOSCALE_GITHUB_APP_CLIENT_ID": "from the App's page on GitHub",
    "NANOSCALE_GITHUB_APP_CLIENT_SECRET": "from the App's page on GitHub",
    "NANOSCALE_GITHUB_APP_PRIVATE_KEY": "the App's private key, PEM text",
    "NANOSCALE_GITHUB_APP_PRIVATE_KEY_PATH": "a file with the App's private key",
    "NANOSCALE_GITHUB_WEBHOOK_SECRET": "from the App's page on GitHub",
    "NANOSCALE_ENCRYPTION_KEYS": "keys that seal secrets, newest first, separated by commas",
    "NANOSCALE_ENCRYPTION_KEYS_FILE": "a file with those keys, one a line",
    "NANOSCALE_RUNTIME": "`auto`, `systemd` or `process`",
    "NANOSCALE_DEBOUNCE_SECONDS": "quiet time after the last push",
    "NANOSCALE_DEBOUNCE_MAX_SECONDS": "the longest a burst of pushes may wait",
    "NANOSCALE_POLL_SECONDS": "how often branch heads are compared",
    "NANOSCALE_SYNC_SECONDS": "how often installations and repositories are refreshed",
    "NANOSCALE_MANUAL_HOSTS": "hosts a manual URL may name; in development a listed host:port may be loopback and http",
    "NANOSCALE_MIN_FREE_MB": "MiB that must be free on the disk before a deployment begins",
    "NANOSCALE_DRAIN_SECONDS": "how long requests under way on a replaced release may take to end",
    "NANOSCALE_KEEP_RELEASES": "releases kept per project",
    "NANOSCALE_KEEP_DAYS": "how long deliveries, verdicts and events are kept",
    "NANOSCALE_LOG_FORMAT": "`text` or `json`: how the box writes its own log",
    "NANOSCALE_BUILDS_AT_ONCE": "deployments that may fetch and build at the same time",
    "NANOSCALE_CRASH_AT": "for tests, in development only: the moment of a deployment at which the box kills itself",
}
"""Every variable the box reads, and what it means; the reference in the documents is held against this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the box was told. Times are in seconds."""

    development: bool
    home: Path
    socket: Path
    shared_socket: bool
    """Under the service: the members of its group may use the socket, too."""
    runtime: str
    listen: Listen
    api_listen: Listen | None
    public_base_url: str | None
    ingress_listen: Listen
    ingress_https_listen: Listen | None
    acme_url: str | None
    acme_email: str | None
    webhooks: bool
    base_domain: str
    github_url: str
    github_api_url: str
    app: App | None
    encryption_keys: Secret | None
    encryption_keys_file: Path
    debounce_seconds: float
    debounce_max_seconds: float
    poll_seconds: float
    sync_seconds: float
    manual_hosts: tuple[str, ...]
    keep_releases: int
    drain_seconds: float
    min_free_mb: int
    keep_days: int
    builds_at_once: int
    log_as_json: bool
    crash_at: str | None


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read and check everything; `ConfigurationError` lists each missing or malformed variable, so that one run
    shows all."""
    given = {**_from_file(environ), **environ}
    reader = Reader(given)
    development = reader.choice("NANOSCALE_ENV", ("production", "development"), "production") == "development"
    public = reader.url("NANOSCALE_PUBLIC_BASE_URL", None, development=development)
    mode = reader.choice("NANOSCALE_WEBHOOKS", ("auto", "on", "off"), "auto")
    if mode == "on" and public is None:
        reader.problem("NANOSCALE_PUBLIC_BASE_URL", "is needed when NANOSCALE_WEBHOOKS is on")
    home = default_home(given).expanduser().absolute()
    github = reader.url("NANOSCALE_GITHUB_URL", "https://github.com", development=development)
    api = reader.url("NANOSCALE_GITHUB_API_URL", "https://api.github.com", development=development)
    quiet = reader.seconds("NANOSCALE_DEBOUNCE_SECONDS", 3, lowest=0, highest=3600)
    settings = Settings(
        development=development,
        home=home,
        socket=default_socket(given).expanduser().absolute(),
        shared_socket=bool(given.get("RUNTIME_DIRECTORY")) and not given.get("NANOSCALE_SOCKET"),
        runtime=reader.choice("NANOSCALE_RUNTIME", ("auto", "systemd", "process"), "auto"),
        listen=reader.listen("NANOSCALE_LISTEN", "127.0.0.1:8787"),
        api_listen=reader.listen_or_off("NANOSCALE_API_LISTEN"),
        public_base_url=public,
        ingress_listen=reader.listen("NANOSCALE_INGRESS_LISTEN", ":8080"),
        ingress_https_listen=reader.listen_or_off("NANOSCALE_INGRESS_HTTPS_LISTEN"),
        acme_url=_acme_url(reader, development=development),
        acme_email=reader.email("NANOSCALE_ACME_EMAIL"),
        webhooks=mode != "off" and public is not None,
        base_domain=reader.domain("NANOSCALE_BASE_DOMAIN", "localhost"),
        github_url=github or "",
        github_api_url=api or "",
        app=app_from(reader, webhooks_off=mode == "off"),
        encryption_keys=reader.secret("NANOSCALE_ENCRYPTION_KEYS"),
        encryption_keys_file=reader.path("NANOSCALE_ENCRYPTION_KEYS_FILE", _keys_file(given, home)),
        debounce_seconds=quiet,
        debounce_max_seconds=reader.seconds(
            "NANOSCALE_DEBOUNCE_MAX_SECONDS", max(30, quiet), lowest=quiet, highest=86400
        ),
        poll_seconds=reader.seconds("NANOSCALE_POLL_SECONDS", 60, lowest=1, highest=86400),
        sync_seconds=reader.seconds("NANOSCALE_SYNC_SECONDS", 900, lowest=5, highest=86400),
        manual_hosts=reader.hosts("NANOSCALE_MANUAL_HOSTS", "github.com,gitlab.com,codeberg.org,bitbucket.org"),
        keep_releases=reader.count("NANOSCALE_KEEP_RELEASES", 5, lowest=2, highest=1000),
        min_free_mb=reader.count("NANOSCALE_MIN_FREE_MB", 512, lowest=0, highest=1_000_000),
        drain_seconds=reader.seconds("NANOSCALE_DRAIN_SECONDS", 60, lowest=0, highest=3600),
        # GitHub redelivers for three days: what is forgotten sooner would be taken for new.
        keep_days=reader.count("NANOSCALE_KEEP_DAYS", 90, lowest=7, highest=36500),
        builds_at_once=reader.count("NANOSCALE_BUILDS_AT_ONCE", 1, lowest=1, highest=64),
        log_as_json=reader.choice("NANOSCALE_LOG_FORMAT", ("text", "json"), "text") == "json",
        crash_at=reader.text("NANOSCALE_CRASH_AT") if development else None,
    )
    if reader.problems:
        raise ConfigurationError(Code.CONFIGURATION, "\n".join(reader.problems), hint="see docs/configuration.md")
    return settings


def _acme_url(reader: Reader, *, development: bool) -> str | None:
    """Where certificates come from; in development `internal` is an authority of Caddy's own, which nobody trusts."""
    if development and reader.text("NANOSCALE_ACME_URL") == "internal":
        return "internal"
    return reader.url("NANOSCALE_ACME_URL", None, development=development)


def settings_file(environ: Mapping[str, str]) -> Path:
    """Where the settings file is looked for: lines of NAME=value; the environment goes before it."""
    base = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME") or "/root") / ".config")
    return Path(base) / "nanoscale-box" / "settings.env"


def _from_file(environ: Mapping[str, str]) -> dict[str, str]:
    path = settings_file(environ)
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(Code.CONFIGURATION, f"{path} cannot be read: {error}") from error
    found = {}
    for number, line in enumerate(lines, 1):
        name, equals, value = line.strip().partition("=")
        if not name or name.startswith("#"):
            continue
        if not equals or name not in VARIABLES:
            raise ConfigurationError(Code.CONFIGURATION, f"{path}, line {number}: there is no setting {name!r}")
        found[name] = value
    return found


def _keys_file(environ: Mapping[str, str], home: Path) -> Path:
    """A systemd credential if there is one, else a file made at first start, outside the database."""
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    credential = Path(credentials) / "encryption-keys" if credentials else None
    return credential if credential and credential.exists() else home / "keys"
