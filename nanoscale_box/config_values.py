"""Reads single settings: each gives a checked value, and notes in one place what is wrong with the others."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from nanoscale_box.core.secret import Secret

_HOST: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*(:[0-9]{1,5})?")
_PLAIN: Final = re.compile(r"[!-~]+")
_EMAIL: Final = re.compile(r"[!#-'*+/-9=?A-Z^-~-]{1,64}@[A-Za-z0-9.-]{1,255}")
_PORT: Final = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where to listen; an empty host is every address."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Reader:
    """Reads values from a mapping and collects problems, each beginning with its variable."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self.problems: list[str] = []

    def problem(self, name: str, what: str) -> None:
        """Note what is wrong with a variable."""
        self.problems.append(f"{name} {what}")

    def text(self, name: str) -> str | None:
        """The value, or None when unset or empty."""
        return self._given.get(name, "").strip() or None

    def secret(self, name: str) -> Secret | None:
        """The value as a secret."""
        found = self.text(name)
        return Secret(found) if found else None

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """One of a few words."""
        found = self.text(name) or default
        if found not in choices:
            self.problem(name, f"is {found!r}; it must be one of {', '.join(choices)}")
            return default
        return found

    def seconds(self, name: str, default: float, *, lowest: float, highest: float) -> float:
        """A time in seconds."""
        found = self.text(name)
        try:
            value = float(found) if found else float(default)
        except ValueError:
            value = float("nan")
        if not lowest <= value <= highest:
            self.problem(name, f"is {found!r}; it must be a number of seconds from {lowest:g} to {highest:g}")
            return float(default)
        return value

    def count(self, name: str, default: int, *, lowest: int, highest: int) -> int:
        """A whole number."""
        found = self.text(name)
        if found and not (found.isascii() and found.isdigit() and len(found) < 10 and lowest <= int(found) <= highest):
            self.problem(name, f"is {found!r}; it must be a whole number from {lowest} to {highest}")
            return default
        return int(found) if found else default

    def path(self, name: str, default: Path) -> Path:
        """A path, absolute."""
        found = self.text(name)
        return (Path(found) if found else default).expanduser().absolute()

    def listen(self, name: str, default: str) -> Listen:
        """`host:port`, `:port` or `[v6]:port`."""
        found = self.text(name) or default
        host, colon, port = found.rpartition(":")
        bare = host.removeprefix("[").removesuffix("]")
        if not colon or not _PORT.fullmatch(port) or int(port) > 65535 or not _is_listenable(bare):
            self.problem(name, f"is {found!r}; it must look like 127.0.0.1:8787 or :8080")
            return self.listen("", default)
        return Listen(host=bare, port=int(port))

    def listen_or_off(self, name: str) -> Listen | None:
        """The same, or None for `off` and when unset."""
        return None if (self.text(name) or "off") == "off" else self.listen(name, ":443")

    def email(self, name: str) -> str | None:
        """An address for letters."""
        found = self.text(name)
        if found and not _EMAIL.fullmatch(found):
            self.problem(name, f"is {found!r}; it must look like you@example.org")
            return None
        return found

    def url(self, name: str, default: str | None, *, development: bool) -> str | None:
        """A base URL without query or credentials, https but for development; a slash at its end is dropped."""
        found = self.text(name) or default
        if found is None:
            return None
        flaw = _url_flaw(found, development)
        if flaw:
            self.problem(name, flaw)
            return default
        return found.rstrip("/")

    def domain(self, name: str, default: str) -> str:
        """A host name without a port."""
        found = (self.text(name) or default).lower()
        if ":" in found or not _HOST.fullmatch(found):
            self.problem(name, f"is {found!r}; it must be a domain like localhost or apps.example.org")
            return default
        return found

    def hosts(self, name: str, default: str) -> tuple[str, ...]:
        """Host names, separated by commas, each with a port or without."""
        found = [part.strip().lower() for part in (self.text(name) or default).split(",") if part.strip()]
        for host in found:
            if not _HOST.fullmatch(host):
                self.problem(name, f"names {host!r}, which is not a host")
        return tuple(found)


def _is_listenable(host: str) -> bool:
    if host in ("", "localhost"):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _url_flaw(text: str, development: bool) -> str | None:
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return "is not a URL"
    if not host or parts.query or parts.fragment or parts.username is not None or not _PLAIN.fullmatch(text):
        return "must be a plain URL like https://box.example.org"
    if parts.scheme == "https" or (parts.scheme == "http" and development and _is_loopback(host)):
        return None
    return "must begin with https:// (http:// is for loopback hosts, with NANOSCALE_ENV=development)"


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
