"""The rules for branches, clone URLs, project names, hosts and addresses: accepted as given, or refused in one
sentence."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from nanoscale_box.core.errors import Code, Invalid
from nanoscale_box.core.text import inert, redact

_HEADS: Final = "refs/heads/"
_MAX_BRANCH: Final = 244
"""Bytes; git keeps a ref as a file `<name>.lock`, and file names end at 255."""
_NOT_IN_BRANCH: Final = frozenset(" ~^:?*[\\" + '$`;|&<>"')
"""git-check-ref-format(1), and what only shells and markup have a use for."""

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_URL: Final = re.compile(
    r"(https?)://([A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])(?::([0-9]{1,5}))?/([A-Za-z0-9._~+/-]{1,512})"
)
_PAGES: Final = frozenset({"-", "tree", "blob", "raw", "commits"})
"""Path segments that lead to a page about a repository; no forge lets a repository have them as names."""

_SSH: Final = re.compile(r"ssh://(?:git@)?([A-Za-z0-9][A-Za-z0-9.-]{0,252})(?::22)?/([A-Za-z0-9._~+/-]{1,512})")
_SCP: Final = re.compile(r"git@([A-Za-z0-9][A-Za-z0-9.-]{0,252}):([A-Za-z0-9._~+/-]{1,512})")
_MAX_SUBMODULE_URL: Final = 1000

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_RESERVED: Final = frozenset({"localhost", "nanoscale-box"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CloneUrl:
    """A URL that may be cloned from. `host` has the port if there is one; `path` is `owner/name`, without `.git`."""

    url: str
    host: str
    path: str


def check_branch(name: str) -> str:
    """Give the branch's plain name; `refs/heads/x` is taken as `x`. Raises `Invalid` (`invalid_branch`)."""
    branch = name.removeprefix(_HEADS)
    flaw = _branch_flaw(branch)
    if flaw:
        raise Invalid(
            Code.INVALID_BRANCH, f"this cannot be a branch: {flaw}", hint="give the name as `git branch` shows it"
        )
    return branch


def _branch_flaw(branch: str) -> str | None:
    """Why `branch` is none, by the rules of git-check-ref-format(1)."""
    if not branch:
        return "the name is empty"
    if len(branch) > _MAX_BRANCH or len(branch.encode("utf-8", "surrogatepass")) > _MAX_BRANCH:
        return f"the name is longer than {_MAX_BRANCH} bytes"
    for character in branch:
        if character in _NOT_IN_BRANCH or unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}:
            return 'the name has a space, a control character or one of ~ ^ : ? * [ \\ $ ` ; | & < > "'
    if inert(branch) != branch:
        return "the name has characters that nobody can see"
    if branch in {"@", "HEAD"} or branch.startswith(("-", "refs/")):
        return "the name is `@` or `HEAD`, or begins with `-` or `refs/`"
    if ".." in branch or "@{" in branch or branch.endswith("."):
        return "the name has `..` or `@{`, or ends in a dot"
    if any(not part or part.startswith(".") or part.endswith(".lock") for part in branch.split("/")):
        return "a part between slashes is empty, begins with a dot or ends in `.lock`"
    return None


def check_clone_url(text: str, *, hosts: Collection[str], development: bool) -> CloneUrl:
    """Give the URL taken apart. `hosts` lists `host` and `host:port` entries, compared exactly; https only, except
    that in
    `development` a listed `host:port` may be loopback and http. Raises `Invalid` (`invalid_url`), never repeating a
    credential."""
    found = _URL.fullmatch(text)
    if found is None:
        raise _bad_url(_url_flaw(text))
    scheme, host, port, path = found.group(1), found.group(2).lower(), found.group(3), found.group(4).removesuffix("/")
    place = f"{host}:{port}" if port else host
    if place not in hosts:
        listed = ", ".join(sorted(hosts)) or "none"
        raise _bad_url(f"{inert(redact(place), limit=80)} is not among the hosts that may be cloned from ({listed})")
    local = development and port is not None and _is_loopback(host)
    if _is_loopback(host) and not local:
        raise _bad_url("it points back at this machine")
    if scheme != "https" and not local:
        raise _bad_url("it must begin with https://")
    return CloneUrl(url=f"{scheme}://{place}/{path}", host=place, path=_check_path(path))


def _check_path(path: str) -> str:
    segments = path.removesuffix(".git").split("/")
    if len(segments) < 2 or any(segment in {"", ".", "..", ".git"} for segment in segments):
        raise _bad_url("its path must be owner/repository")
    if not _PAGES.isdisjoint(segments[2:]):
        raise _bad_url("it leads to a page about a repository, not to the repository")
    return "/".join(segments)


def submodule_url(parent: str, text: str) -> str:
    """The https address (http where the parent has it) that a submodule's `url` means: relative ones lead on from
    `parent`, those for ssh are turned round to the same host. Raises `Invalid` (`invalid_url`); whether the host may be
    asked is for `check_clone_url`."""
    if len(text) > _MAX_SUBMODULE_URL or inert(text, limit=_MAX_SUBMODULE_URL) != text or text.startswith("-"):
        raise _bad_url("it is no address")
    if text.startswith(("./", "../")):
        return _relative(parent, text)
    found = _SSH.fullmatch(text) or _SCP.fullmatch(text)
    if found is not None:
        return f"https://{found.group(1)}/{found.group(2).lstrip('/')}"
    return text


def _relative(parent: str, text: str) -> str:
    """As git-submodule does it: the parent's address is a folder that `..` leaves."""
    scheme, _, rest = parent.removesuffix("/").partition("://")
    host, *path = rest.split("/")
    for segment in text.split("/"):
        if segment == "..":
            if not path:
                raise _bad_url("it leads out of its host")
            path.pop()
        elif segment not in {"", "."}:
            path.append(segment)
    return f"{scheme}://{host}/{'/'.join(path)}"


def _url_flaw(text: str) -> str:
    """The likeliest reason why `text` has not the form of a clone URL; a sentence's part that repeats nothing of it."""
    rest = text.partition("://")[2]
    if not text.startswith(("https://", "http://")):
        return "it must begin with https://"
    if "@" in rest.partition("/")[0]:
        return "it must not carry a user name, password or token; connect GitHub for private repositories"
    if not text.isascii() or not text.isprintable() or "%" in text or " " in text:
        return "only plain letters, digits and - . _ ~ + may stand in it"
    if "?" in text or "#" in text:
        return "nothing may follow the path (? or #)"
    return "it must look like https://host/owner/repository"


def _bad_url(flaw: str) -> Invalid:
    return Invalid(
        Code.INVALID_URL,
        f"this repository URL is refused: {flaw}",
        hint="give it as https://host/owner/repository, or pick it from GitHub",
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_project_name(name: str) -> str:
    """Give `name` if it can be the first label of a host: a-z, 0-9 and -, 1 to 40. Raises `Invalid`
    (`invalid_name`)."""
    if not _NAME.fullmatch(name) or name[2:4] == "--":
        raise Invalid(
            Code.INVALID_NAME,
            "a project's name is 1 to 40 of a-z, 0-9 and -, and neither begins nor ends with -",
            hint="choose one like hello; it becomes part of the address, hello.localhost",
        )
    if name in _RESERVED:
        raise Invalid(Code.INVALID_NAME, f"the name {name} is kept for the box itself", hint="choose another name")
    return name


def suggest_name(repo_name: str, taken: Collection[str]) -> str:
    """Give a project name made from a repository's, not among `taken`."""
    plain = unicodedata.normalize("NFKD", repo_name[:200]).encode("ascii", "ignore").decode("ascii").lower()
    base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "app"
    if base not in taken and base not in _RESERVED:
        return base
    number = 2
    while (candidate := f"{base[: 40 - len(str(number)) - 1].rstrip('-')}-{number}") in taken:
        number += 1
    return candidate


def default_host(name: str, base_domain: str) -> str:
    """Where a project answers if nothing else is said."""
    return f"{name}.{base_domain}"


def check_host(host: str) -> str:
    """Give a domain in lower case, without a final dot; no address, port or wildcard. Raises `Invalid`
    (`invalid_name`)."""
    plain = host.lower().removesuffix(".") if host.isascii() else ""
    last = plain.rpartition(".")[2]
    if (
        len(plain) > 253
        or "." not in plain
        or not _HOST.fullmatch(plain)
        or not re.search("[a-z]", last)
        or last.startswith("0x")
    ):
        raise Invalid(
            Code.INVALID_NAME,
            "a domain looks like app.example.org: letters, digits and - between dots, without port, path or *",
            hint="write a domain with other letters in its xn-- form",
        )
    return plain


def may_have_certificate(host: str) -> bool:
    """Whether an authority could sign for a host: a name with a dot that is neither an address nor under a domain
    kept for local use (RFC 2606, 6761, 6762, 8375, and `internal` by ICANN)."""
    labels = host.lower().removesuffix(".").split(".")
    if len(labels) < 2 or not re.search("[a-z]", labels[-1]):
        return False
    return labels[-1] not in _LOCAL_DOMAINS and labels[-2:] != ["home", "arpa"]


def address_flaw(host: str, addresses: Collection[str], *, elsewhere: bool) -> str | None:
    """Why `host`, which resolves to these addresses, may not be connected to; None if it may.

    A host that is this machine by its very name passed `check_clone_url` on purpose. Else no address may be this
    machine's or its own link's, and one host may not lead both into the internet and into a network of somebody's; a
    server `elsewhere`, which nobody but the repository named, must be in the internet."""
    if _is_loopback(host):
        return "leads to this machine" if elsewhere else None
    plain = [address.partition("%")[0] for address in addresses]
    if not plain or any(_is_own(address) for address in plain):
        return "leads to this machine or its own network"
    public = [is_public_address(address) for address in plain]
    if elsewhere and not all(public):
        return "leads into a private network"
    return "leads into the internet and into a private network" if any(public) and not all(public) else None


def _is_own(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return True
    address = (address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None) or address
    return address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast


def is_public_address(ip: str) -> bool:
    """Whether a literal IP address, in its canonical spelling, is one of the open internet; what is no such literal
    is not.

    Addresses that carry an IPv4 address (mapped, NAT64) count as that one; 6to4, Teredo and IPv6 outside 2000::/3
    never count.
    """
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        carried = address.ipv4_mapped or (
            ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
        )
        if carried is None:
            native = address in _GLOBAL_UNICAST and address.sixtofour is None and address.teredo is None
            return native and address.is_global and not address.is_multicast
        address = carried
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address in _IETF or address in _RELAY
    )


_LOCAL_DOMAINS: Final = frozenset({"localhost", "local", "internal", "test", "example", "invalid", "lan"})
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_IETF: Final = ipaddress.IPv4Network("192.0.0.0/24")
_RELAY: Final = ipaddress.IPv4Network("192.88.99.0/24")
