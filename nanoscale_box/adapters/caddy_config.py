"""Caddy's configuration, computed from settings and hosts alone: where a host leads is read from its route file with
every request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nanoscale_box.core.urls import may_have_certificate

Json = dict[str, Any]
"""A part of the configuration: https://caddyserver.com/docs/json/"""

ADMIN_SOCKET: Final = "admin.sock"
"""Relative to the ingress's folder, since the path of a socket may have 107 bytes at most: unix(7)."""
APP: Final = r"^([0-9A-Za-z.\[\]:-]+:[0-9]+)$"
SITE: Final = r"^file:(/.*)$"
_LOOPBACK: Final = ["127.0.0.0/8", "::1/128"]
_DOWN: Final = ["502", "503", "504"]
_HIDDEN: Final = r"(?:^|/)\.[^/]*"
_WELL_KNOWN: Final = r"^/\.well-known(?:/[^.][^/]*)*/?$"


def is_sayable(folder: Path) -> bool:
    """Whether a path can stand in the configuration as it is: Caddy takes braces for placeholders, a backslash for an
    escape."""
    return re.search(r"[{}\\\x00-\x1f\x7f]", str(folder)) is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """The box's own public door, which is reached through the ingress too: under one host, and for a few paths."""

    host: str
    address: str
    """Where it listens, like `127.0.0.1:8787`."""
    paths: tuple[str, ...]
    """Whole paths, or with `*` at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Https:
    """That public domains are served over TLS, with certificates that Caddy gets and renews by itself."""

    listen: str
    acme_url: str | None = None
    """The directory that certificates are asked from, None for Caddy's own choice (Let's Encrypt, ZeroSSL), or
    `internal` for an authority of Caddy's own that no browser trusts."""
    acme_email: str | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.listen.rpartition(":")[2])


def configuration(
    *,
    listen: str,
    hosts: Sequence[str],
    routes: Path,
    log: Path,
    door: Door | None = None,
    https: Https | None = None,
) -> Json:
    """Everything Caddy is told. `listen` is an address like `:8080`; `routes` holds one file for each host that leads
    somewhere."""
    known = sorted(set(hosts))
    public = sorted(filter(may_have_certificate, {*known, *([door.host] if door else [])})) if https else []
    http: Json = {"servers": {"apps": _server(listen, known, public, routes, door, https)}}
    apps: Json = {"http": http}
    if https and public:
        http["http_port"], http["https_port"] = int(listen.rpartition(":")[2]), https.port
        http["servers"]["public"] = _server(https.listen, [host for host in known if host in public], [], routes, door)
        http["servers"]["public"] |= {"automatic_https": {"disable_redirects": True}, "protocols": ["h1", "h2"]}
        apps["tls"] = _tls(public, https)
    return {
        "admin": {"listen": f"unix/{ADMIN_SOCKET}|0600", "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "WARN", "writer": _log_writer(log)}}},
        "apps": apps,
    }


def listen_of(config: object) -> list[str]:
    """The addresses a configuration listens on; none if it is not one of ours."""
    match config:
        case {"apps": {"http": {"servers": {"apps": {"listen": [*addresses]}}}}}:
            return [str(address) for address in addresses]
        case _:
            return []


def _server(
    listen: str,
    known: Sequence[str],
    elsewhere: Sequence[str],
    routes: Path,
    door: Door | None,
    https: Https | None = None,
) -> Json:
    """One server; hosts that are served `elsewhere` it sends on to `https`."""
    first = [_onward(elsewhere, https)] if elsewhere and https else []
    own = [_door(door)] if door else []
    named = sorted({*known, door.host}) if door else known
    return {
        "listen": [listen],
        # Else the http port would speak TLS, or listen on more ports than we were told.
        "automatic_https": {"disable": True},
        "protocols": ["h1"],
        "read_header_timeout": "30s",
        "trusted_proxies": {"source": "static", "ranges": _LOOPBACK},
        "trusted_proxies_strict": 1,
        "routes": [*first, *own, *(_host(host, routes) for host in known), _unknown()],
        "errors": {"routes": _errors(named)},
    }


def _tls(public: Sequence[str], https: Https) -> Json:
    """Certificates for the hosts we know and for no other: a stranger's name in a handshake asks nobody for
    anything."""
    issuer: Json = {"module": "internal"} if https.acme_url == "internal" else {"module": "acme"}
    if https.acme_url not in (None, "internal"):
        issuer["ca"] = https.acme_url
    if https.acme_email and https.acme_url != "internal":
        issuer["email"] = https.acme_email
    only = [issuer] if len(issuer) > 1 or https.acme_url == "internal" else []
    return {"automation": {"policies": [{"subjects": list(public), **({"issuers": only} if only else {})}]}}


def _onward(hosts: Sequence[str], https: Https) -> Json:
    """From http to https, but for what came by https already, as through a tunnel, and was unwrapped on its way."""
    port = "" if https.port == 443 else f":{https.port}"
    unwrapped = {"header": {"X-Forwarded-Proto": ["https"]}}
    challenge = {"path": ["/.well-known/acme-challenge/*"]}
    answer: Json = {
        "handler": "static_response",
        "status_code": "308",
        "headers": {"Location": [f"https://{{http.request.host}}{port}{{http.request.uri}}"]},
    }
    return {"match": [{"host": list(hosts), "not": [unwrapped, challenge]}], "terminal": True, "handle": [answer]}


def _door(door: Door) -> Json:
    """The way to the public door. A box that is just being started again is waited for: nothing is sent twice."""
    proxy = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": door.address}],
        "transport": {"protocol": "http", "dial_timeout": "3s", "keep_alive": {"idle_timeout": "500ms"}},
        "load_balancing": {"try_duration": "5s", "try_interval": "100ms"},
    }
    return {"match": [{"host": [door.host], "path": list(door.paths)}], "terminal": True, "handle": [proxy]}


def _log_writer(log: Path) -> Json:
    return {
        "output": "file",
        "filename": str(log),
        "mode": "0600",
        "roll_size_mb": 10,
        "roll_keep": 2,
        "roll_gzip": False,
    }


def _host(host: str, routes: Path) -> Json:
    """The route file is read once for each request, so a switch in the middle of one cannot mix the old with the
    new."""
    return {
        "match": [{"host": [host]}],
        "terminal": True,
        "handle": [
            {"handler": "vars", "route": f"{{file.{routes / host}}}"},
            {"handler": "subroute", "routes": [_app(), _site(), {"handle": [_error(503)]}]},
        ],
    }


def _app() -> Json:
    proxy = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": "{http.regexp.app.1}"}],
        "transport": {
            "protocol": "http",
            # Short, so that an app that is drained is soon without connections; and shorter than what app
            # servers keep an idle connection open (gunicorn 2 s, node and uvicorn 5
            # s): who sends a
            # request while the other side closes gets a 502.
            "keep_alive": {"probe_interval": "30s", "idle_timeout": "500ms", "max_idle_conns_per_host": 64},
        },
        # A new host is a new configuration, and that would cut every WebSocket.
        "stream_close_delay": "12h",
    }
    return {"match": [_leads(APP, "app")], "terminal": True, "handle": [proxy]}


def _site() -> Json:
    files = [
        {"handler": "encode", "encodings": {"zstd": {}, "gzip": {}}, "prefer": ["zstd", "gzip"]},
        {"handler": "file_server", "root": "{http.regexp.site.1}"},
    ]
    well_known = {"path_regexp": {"pattern": _WELL_KNOWN}}
    hidden = {"path_regexp": {"pattern": _HIDDEN}, "not": [well_known]}
    within: list[Json] = [{"match": [hidden], "terminal": True, "handle": [_error(404)]}, {"handle": files}]
    return {
        "match": [_leads(SITE, "site")],
        "terminal": True,
        "handle": [{"handler": "subroute", "routes": within}],
    }


def _errors(hosts: Sequence[str]) -> list[Json]:
    """What is shown instead of an answer: a site's own 404.html, a word about the app, or a word about the page."""
    known = {"host": list(hosts)}
    own = {"file": {"root": "{http.regexp.site.1}", "try_files": ["/404.html"]}}
    missing = {"vars": {"{http.error.status_code}": ["404"]}}
    show = [
        {"handler": "rewrite", "uri": "/404.html"},
        {"handler": "file_server", "root": "{http.regexp.site.1}", "status_code": "404"},
    ]
    own_page = [{"match": [own], "terminal": True, "handle": show}]
    down = {**known, "vars": {"{http.error.status_code}": _DOWN}}
    if not hosts:
        return [{"handle": [_page("{http.error.status_code}", "There is no such page here.")]}]
    return [
        {
            "match": [{**known, **missing, **_leads(SITE, "site")}],
            "handle": [{"handler": "subroute", "routes": own_page}],
        },
        {
            "match": [down],
            "terminal": True,
            "handle": [_page("{http.error.status_code}", "{http.request.host} is not running.")],
        },
        {"handle": [_page("{http.error.status_code}", "There is no such page here.")]},
    ]


def _unknown() -> Json:
    return {"handle": [_page("404", "There is no app of this name here.")]}


def _leads(pattern: str, name: str) -> Json:
    return {"vars_regexp": {"route": {"name": name, "pattern": pattern}}}


def _error(status: int) -> Json:
    return {"handler": "error", "status_code": status}


def _page(status: str, sentence: str) -> Json:
    """A small page. It repeats nothing that a stranger sent: a host that got here is one of ours."""
    return {
        "handler": "static_response",
        "status_code": status,
        "headers": {
            "Content-Type": ["text/html; charset=utf-8"],
            "Cache-Control": ["no-store"],
            "X-Content-Type-Options": ["nosniff"],
        },
        "body": (
            '<!doctype html><html lang="en" style="color-scheme: light dark; background: Canvas; color: CanvasText">'
            '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{sentence}</title>"
            f'<p style="font: 1.2em sans-serif; margin: 20vh auto; text-align: center">{sentence}</p>\n'
        ),
    }
