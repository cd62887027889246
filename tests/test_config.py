"""The settings: every variable, and one error that names each that is missing or malformed."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanoscale_box.config import VARIABLES, Settings, read_settings, settings_file
from nanoscale_box.config_values import Listen
from nanoscale_box.core.errors import Code, ConfigurationError

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n"
APP = {
    "NANOSCALE_GITHUB_APP_ID": "123",
    "NANOSCALE_GITHUB_APP_CLIENT_ID": "Iv1.abc",
    "NANOSCALE_GITHUB_APP_CLIENT_SECRET": "client-secret-text",
    "NANOSCALE_GITHUB_APP_PRIVATE_KEY": PEM,
    "NANOSCALE_GITHUB_WEBHOOK_SECRET": "webhook-secret-text",
    "NANOSCALE_PUBLIC_BASE_URL": "https://box.example.org",
}

PRODUCTION = {
    "NANOSCALE_ACME_URL": "https://ca.example.org/directory",
    "NANOSCALE_GITHUB_URL": "https://ghe.example.org",
    "NANOSCALE_GITHUB_API_URL": "https://ghe.example.org/api/v3",
}


@pytest.fixture
def base(tmp_path: Path) -> dict[str, str]:
    """A home of its own, with no settings file."""
    return {"HOME": str(tmp_path)}


def problems(environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        read_settings(environ)
    assert refused.value.code is Code.CONFIGURATION
    for secret in ("client-secret-text", "webhook-secret-text", "MIIB"):
        assert secret not in refused.value.detail
    return refused.value.detail.splitlines()


def named(environ: dict[str, str]) -> set[str]:
    """The variables an error names, one a line, each at its beginning."""
    names = [line.split(" ", 1)[0] for line in problems(environ)]
    assert len(names) == len(set(names))
    return set(names)


def test_with_nothing_set_the_box_starts_and_polls(base: dict[str, str]) -> None:
    settings = read_settings(base)
    assert settings == Settings(
        development=False,
        home=Path(base["HOME"]) / ".local/share/nanoscale-box",
        socket=Path(base["HOME"]) / ".local/share/nanoscale-box/box.sock",
        shared_socket=False,
        runtime="auto",
        listen=Listen(host="127.0.0.1", port=8787),
        api_listen=None,
        public_base_url=None,
        ingress_listen=Listen(host="", port=8080),
        ingress_https_listen=None,
        acme_url=None,
        acme_email=None,
        webhooks=False,
        base_domain="localhost",
        github_url="https://github.com",
        github_api_url="https://api.github.com",
        app=None,
        encryption_keys=None,
        encryption_keys_file=Path(base["HOME"]) / ".local/share/nanoscale-box/keys",
        debounce_seconds=3,
        debounce_max_seconds=30,
        poll_seconds=60,
        sync_seconds=900,
        manual_hosts=("github.com", "gitlab.com", "codeberg.org", "bitbucket.org"),
        keep_releases=5,
        drain_seconds=60,
        min_free_mb=512,
        keep_days=90,
        builds_at_once=1,
        log_as_json=False,
        crash_at=None,
    )


def test_every_variable_is_read(base: dict[str, str], tmp_path: Path) -> None:
    given = {
        **base,
        **APP,
        "NANOSCALE_ENV": "development",
        "NANOSCALE_HOME": "/data/box",
        "NANOSCALE_SOCKET": "/run/x.sock",
        "NANOSCALE_LISTEN": "0.0.0.0:9000",
        "NANOSCALE_API_LISTEN": "127.0.0.1:8788",
        "NANOSCALE_INGRESS_LISTEN": "[::1]:80",
        "NANOSCALE_INGRESS_HTTPS_LISTEN": ":443",
        "NANOSCALE_ACME_URL": "internal",
        "NANOSCALE_ACME_EMAIL": "ada+box@example.org",
        "NANOSCALE_WEBHOOKS": "on",
        "NANOSCALE_BASE_DOMAIN": "Apps.Example.org",
        "NANOSCALE_GITHUB_URL": "http://127.0.0.1:1234/",
        "NANOSCALE_GITHUB_API_URL": "http://127.0.0.1:1234/api/v3",
        "NANOSCALE_ENCRYPTION_KEYS": "a,b",
        "NANOSCALE_ENCRYPTION_KEYS_FILE": str(tmp_path / "k"),
        "NANOSCALE_RUNTIME": "process",
        "NANOSCALE_DEBOUNCE_SECONDS": "0.5",
        "NANOSCALE_DEBOUNCE_MAX_SECONDS": "4",
        "NANOSCALE_POLL_SECONDS": "5",
        "NANOSCALE_SYNC_SECONDS": "6",
        "NANOSCALE_MANUAL_HOSTS": "Git.example.org, 127.0.0.1:3000",
        "NANOSCALE_KEEP_RELEASES": "7",
        "NANOSCALE_DRAIN_SECONDS": "20",
        "NANOSCALE_MIN_FREE_MB": "100",
        "NANOSCALE_KEEP_DAYS": "30",
        "NANOSCALE_BUILDS_AT_ONCE": "2",
        "NANOSCALE_LOG_FORMAT": "json",
        "NANOSCALE_CRASH_AT": "switch done",
    }
    assert set(VARIABLES) - set(given) == {"NANOSCALE_GITHUB_APP_PRIVATE_KEY_PATH"}
    settings = read_settings(given)
    assert settings.development and settings.webhooks
    assert (settings.home, settings.socket) == (Path("/data/box"), Path("/run/x.sock"))
    assert (str(settings.listen), str(settings.ingress_listen)) == ("0.0.0.0:9000", "[::1]:80")
    assert (str(settings.ingress_https_listen), settings.acme_url) == (":443", "internal")
    assert settings.acme_email == "ada+box@example.org"
    assert settings.base_domain == "apps.example.org"
    assert settings.github_url == "http://127.0.0.1:1234"
    assert settings.github_api_url == "http://127.0.0.1:1234/api/v3"
    assert settings.encryption_keys and settings.encryption_keys.reveal() == "a,b"
    assert settings.encryption_keys_file == tmp_path / "k"
    assert (settings.debounce_seconds, settings.debounce_max_seconds) == (0.5, 4)
    assert (settings.poll_seconds, settings.sync_seconds) == (5, 6)
    assert settings.manual_hosts == ("git.example.org", "127.0.0.1:3000")
    assert (settings.keep_releases, settings.builds_at_once, settings.crash_at) == (7, 2, "switch done")
    assert settings.keep_days == 30 and settings.log_as_json
    assert str(settings.api_listen) == "127.0.0.1:8788"
    assert read_settings(given | {"NANOSCALE_ENV": "production"} | PRODUCTION).crash_at is None
    app = settings.app
    assert app and (app.app_id, app.client_id, app.from_environment) == ("123", "Iv1.abc", True)
    assert app.private_key.reveal() == PEM.strip() and app.webhook_secret.reveal() == "webhook-secret-text"
    assert "client-secret-text" not in repr(settings) and "a,b" not in repr(settings.encryption_keys)


@pytest.mark.parametrize("missing", sorted(APP))
def test_the_app_is_all_or_none_and_what_is_missing_is_named(base: dict[str, str], missing: str) -> None:
    given = base | {name: value for name, value in APP.items() if name != missing}
    key = "NANOSCALE_GITHUB_APP_PRIVATE_KEY"
    assert named(given) == {f"{key}_PATH" if missing == key else missing}
    assert named(given | {missing: "   "}) == named(given)


@pytest.mark.parametrize("alone", sorted(set(APP) - {"NANOSCALE_PUBLIC_BASE_URL"}))
def test_one_of_the_apps_variables_alone_names_all_the_others(base: dict[str, str], alone: str) -> None:
    key = "NANOSCALE_GITHUB_APP_PRIVATE_KEY"
    others = {f"{key}_PATH" if name == key else name for name in APP if name != alone}
    assert named(base | {alone: APP[alone]}) == others


def test_a_public_url_alone_is_no_app(base: dict[str, str]) -> None:
    settings = read_settings(base | {"NANOSCALE_PUBLIC_BASE_URL": "https://box.example.org/"})
    assert settings.app is None and settings.webhooks
    assert settings.public_base_url == "https://box.example.org"


def test_polling_on_purpose_lifts_public_url_and_webhook_secret(base: dict[str, str]) -> None:
    lifted = {"NANOSCALE_PUBLIC_BASE_URL", "NANOSCALE_GITHUB_WEBHOOK_SECRET"}
    given = base | {name: value for name, value in APP.items() if name not in lifted}
    assert named(given) == lifted
    settings = read_settings(given | {"NANOSCALE_WEBHOOKS": "off"})
    assert settings.app and not settings.app.webhook_secret and not settings.webhooks
    assert named(base | {"NANOSCALE_WEBHOOKS": "off", "NANOSCALE_GITHUB_APP_ID": "1"}) == {
        "NANOSCALE_GITHUB_APP_CLIENT_ID",
        "NANOSCALE_GITHUB_APP_CLIENT_SECRET",
        "NANOSCALE_GITHUB_APP_PRIVATE_KEY_PATH",
    }
    assert read_settings(base | APP | {"NANOSCALE_WEBHOOKS": "off"}).webhooks is False
    assert named(base | {"NANOSCALE_WEBHOOKS": "on"}) == {"NANOSCALE_PUBLIC_BASE_URL"}


def test_the_key_may_stand_in_a_file_or_on_one_line(base: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "app.pem"
    file.write_text(PEM)
    rest = base | {name: value for name, value in APP.items() if not name.endswith("PRIVATE_KEY")}
    path = "NANOSCALE_GITHUB_APP_PRIVATE_KEY_PATH"
    app = read_settings(rest | {path: str(file)}).app
    assert app and app.private_key.reveal() == PEM
    one_line = PEM.replace("\n", "\\n")
    app = read_settings(rest | {"NANOSCALE_GITHUB_APP_PRIVATE_KEY": one_line}).app
    assert app and app.private_key.reveal() == PEM
    file.write_bytes(b"\xff\xfe")
    for wrong in (tmp_path / "none.pem", tmp_path, file):
        assert problems(rest | {path: str(wrong)})[0].startswith(f"{path} cannot be read: ")
    file.write_text("not a key")
    assert named(rest | {path: str(file)}) == {path}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NANOSCALE_ENV", "test"),
        ("NANOSCALE_WEBHOOKS", "yes"),
        ("NANOSCALE_INGRESS_HTTPS_LISTEN", "443"),
        ("NANOSCALE_ACME_URL", "internal"),
        ("NANOSCALE_ACME_EMAIL", "ada"),
        ("NANOSCALE_RUNTIME", "docker"),
        ("NANOSCALE_GITHUB_APP_ID", "12a"),
        ("NANOSCALE_GITHUB_APP_ID", "\uff11\uff12"),
        ("NANOSCALE_GITHUB_APP_PRIVATE_KEY", "-----BEGIN PUBLIC KEY-----"),
        ("NANOSCALE_PUBLIC_BASE_URL", "http://box.example.org"),
        ("NANOSCALE_PUBLIC_BASE_URL", "http://127.0.0.1:8787"),
        ("NANOSCALE_PUBLIC_BASE_URL", "box.example.org"),
        ("NANOSCALE_PUBLIC_BASE_URL", "ftp://box.example.org"),
        ("NANOSCALE_PUBLIC_BASE_URL", "https://"),
        ("NANOSCALE_PUBLIC_BASE_URL", "https://u:p@box.example.org"),
        ("NANOSCALE_PUBLIC_BASE_URL", "https://box.example.org/?a=b"),
        ("NANOSCALE_PUBLIC_BASE_URL", "https://box.example.org/#a"),
        ("NANOSCALE_PUBLIC_BASE_URL", "https://box.example.org:99999"),
        ("NANOSCALE_PUBLIC_BASE_URL", "https://box.exa mple.org"),
        ("NANOSCALE_PUBLIC_BASE_URL", "https://box.exa\nmple.org"),
        ("NANOSCALE_PUBLIC_BASE_URL", "https://[::1"),
        ("NANOSCALE_PUBLIC_BASE_URL", "https://böx.example.org"),
        ("NANOSCALE_GITHUB_URL", "http://github.com"),
        ("NANOSCALE_GITHUB_API_URL", "api.github.com"),
        ("NANOSCALE_LISTEN", "8787"),
        ("NANOSCALE_LISTEN", "127.0.0.1:"),
        ("NANOSCALE_LISTEN", "127.0.0.1:65536"),
        ("NANOSCALE_LISTEN", "127.0.0.1:" + "9" * 5000),
        ("NANOSCALE_LISTEN", "127.0.0.1:٨٠"),
        ("NANOSCALE_LISTEN", "example.org:80"),
        ("NANOSCALE_LISTEN", "999.0.0.1:80"),
        ("NANOSCALE_INGRESS_LISTEN", "x"),
        ("NANOSCALE_BASE_DOMAIN", "a_b.org"),
        ("NANOSCALE_BASE_DOMAIN", "localhost:80"),
        ("NANOSCALE_BASE_DOMAIN", "-a.org"),
        ("NANOSCALE_DEBOUNCE_SECONDS", "soon"),
        ("NANOSCALE_DEBOUNCE_SECONDS", "-1"),
        ("NANOSCALE_DEBOUNCE_SECONDS", "nan"),
        ("NANOSCALE_DEBOUNCE_SECONDS", "inf"),
        ("NANOSCALE_DEBOUNCE_MAX_SECONDS", "2"),
        ("NANOSCALE_POLL_SECONDS", "0"),
        ("NANOSCALE_SYNC_SECONDS", "1"),
        ("NANOSCALE_MANUAL_HOSTS", "https://github.com"),
        ("NANOSCALE_MANUAL_HOSTS", "github.com,a/b"),
        ("NANOSCALE_KEEP_RELEASES", "1"),
        ("NANOSCALE_KEEP_DAYS", "6"),
        ("NANOSCALE_KEEP_RELEASES", "2.5"),
        ("NANOSCALE_KEEP_RELEASES", "9" * 5000),
        ("NANOSCALE_BUILDS_AT_ONCE", "0"),
        ("NANOSCALE_BUILDS_AT_ONCE", "+1"),
    ],
)
def test_what_is_malformed_is_named(base: dict[str, str], name: str, value: str) -> None:
    assert named(base | APP | {name: value}) == {name}


def test_everything_that_is_wrong_is_told_at_once(base: dict[str, str]) -> None:
    wrong = {
        "NANOSCALE_GITHUB_APP_ID": "x",
        "NANOSCALE_LISTEN": "y",
        "NANOSCALE_ENV": "z",
        "NANOSCALE_POLL_SECONDS": "q",
    }
    missing = {
        "NANOSCALE_GITHUB_APP_CLIENT_ID",
        "NANOSCALE_GITHUB_APP_CLIENT_SECRET",
        "NANOSCALE_GITHUB_APP_PRIVATE_KEY_PATH",
        "NANOSCALE_GITHUB_WEBHOOK_SECRET",
        "NANOSCALE_PUBLIC_BASE_URL",
    }
    assert named(base | wrong) == set(wrong) | missing


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8787", "http://localhost", "http://box.localhost:1", "http://[::1]:2"]
)
def test_development_allows_http_on_loopback_alone(base: dict[str, str], url: str) -> None:
    given = base | {"NANOSCALE_PUBLIC_BASE_URL": url}
    assert named(given) == {"NANOSCALE_PUBLIC_BASE_URL"}
    assert read_settings(given | {"NANOSCALE_ENV": "development"}).public_base_url == url
    elsewhere = base | {"NANOSCALE_PUBLIC_BASE_URL": "http://192.0.2.1", "NANOSCALE_ENV": "development"}
    assert named(elsewhere) == {"NANOSCALE_PUBLIC_BASE_URL"}


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [(":0", "", 0), ("localhost:80", "localhost", 80), ("[::]:443", "::", 443), ("::1:80", "::1", 80)],
)
def test_forms_of_listen(base: dict[str, str], text: str, host: str, port: int) -> None:
    assert read_settings(base | {"NANOSCALE_LISTEN": text}).listen == Listen(host=host, port=port)


def test_a_long_quiet_time_lifts_the_cap(base: dict[str, str]) -> None:
    assert read_settings(base | {"NANOSCALE_DEBOUNCE_SECONDS": "100"}).debounce_max_seconds == 100


def test_the_settings_file_stands_below_the_environment(base: dict[str, str], tmp_path: Path) -> None:
    file = settings_file(base)
    assert file == tmp_path / ".config/nanoscale-box/settings.env"
    file.parent.mkdir(parents=True)
    file.write_text("# mine\n\nNANOSCALE_POLL_SECONDS=7\n  NANOSCALE_LISTEN=:1  \n")
    settings = read_settings(base | {"NANOSCALE_POLL_SECONDS": "8"})
    assert (settings.poll_seconds, settings.listen.port) == (8, 1)
    for wrong in ("NANOSCALE_POL_SECONDS=7", "NANOSCALE_POLL_SECONDS", "PATH=/x", "export NANOSCALE_ENV=development"):
        file.write_text(f"NANOSCALE_LISTEN=:1\n{wrong}\n")
        (line,) = problems(base)
        assert "line 2" in line and str(file) in line
    file.write_bytes(b"\xff")
    assert "cannot be read" in problems(base)[0]
    file.unlink()
    file.mkdir()
    assert "cannot be read" in problems(base)[0]


def test_the_settings_file_follows_xdg() -> None:
    assert settings_file({"XDG_CONFIG_HOME": "/c", "HOME": "/h"}) == Path("/c/nanoscale-box/settings.env")
    assert settings_file({}) == Path("/root/.config/nanoscale-box/settings.env")


def test_keys_come_from_systemds_credentials_when_they_are_there(base: dict[str, str], tmp_path: Path) -> None:
    given = base | {"CREDENTIALS_DIRECTORY": str(tmp_path), "NANOSCALE_HOME": "/x"}
    assert read_settings(given).encryption_keys_file == Path("/x/keys")
    (tmp_path / "encryption-keys").write_text("k")
    assert read_settings(given).encryption_keys_file == tmp_path / "encryption-keys"


def test_relative_paths_become_absolute(base: dict[str, str]) -> None:
    settings = read_settings(base | {"NANOSCALE_HOME": "here", "NANOSCALE_SOCKET": "there.sock"})
    assert settings.home == Path.cwd() / "here" and settings.socket == Path.cwd() / "there.sock"
