"""Connects to servers only at addresses that were looked at: a name is resolved once, judged, and dialled as judged."""

from __future__ import annotations

import functools
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Final

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NameResolutionError
from urllib3.util.ssl_ import create_urllib3_context

from nanoscale_box.adapters.git_limits import GitLimits
from nanoscale_box.core.errors import Code, DeployFailed
from nanoscale_box.core.text import inert
from nanoscale_box.core.urls import address_flaw

_CONNECT_SECONDS: Final = 10.0


@functools.cache
def trust() -> ssl.SSLContext:
    """The machine's trusted authorities. Loading them takes time, so the worker does it once for all jobs."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    context.load_default_certs()
    return context


@functools.lru_cache(maxsize=8)
def pool_for(limits: GitLimits, *, tls: bool, elsewhere: bool = False) -> urllib3.PoolManager:
    """Connections that follow no proxy, no redirect, and no name to where it may not lead; `elsewhere` is for servers
    that nobody but a repository named. A process has one of each kind, so that connections are used again."""
    seconds = urllib3.Timeout(connect=min(_CONNECT_SECONDS, limits.stall_seconds), read=limits.stall_seconds)
    pool = urllib3.PoolManager(retries=False, timeout=seconds, ssl_context=trust() if tls else None, maxsize=1)
    kinds: tuple[type[HTTPConnectionPool], type[HTTPSConnectionPool]] = (
        (_ElsewherePool, _ElsewhereTlsPool) if elsewhere else (_Pool, _TlsPool)
    )
    pool.pool_classes_by_scheme = {"http": kinds[0], "https": kinds[1]}
    return pool


def _dial(host: str, port: int | None, elsewhere: bool, connect: Callable[[str], socket.socket]) -> socket.socket:
    """Connect to the first address of the host that answers. Raises `DeployFailed` when one of them may not be dialled,
    urllib3's errors."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, 0, socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as wrong:
        error = wrong if isinstance(wrong, socket.gaierror) else socket.gaierror(socket.EAI_NONAME)
        raise NameResolutionError(host, HTTPConnection(host, port), error) from wrong
    addresses: Sequence[str] = list(dict.fromkeys(str(one[4][0]) for one in found))
    flaw = address_flaw(host, addresses, elsewhere=elsewhere)
    if flaw is not None:
        raise DeployFailed(
            Code.SOURCE_REFUSED,
            f"the host {inert(host, limit=100)} {flaw}, and the box fetches nothing from there",
            hint="give an address that leads to the repository's server",
        )
    for address in addresses[:-1]:
        try:
            return connect(address)
        except HTTPError:
            continue
    return connect(addresses[-1])


class _Plain(HTTPConnection):
    """A connection that dials the addresses that were looked at, and no others."""

    elsewhere = False

    def _new_conn(self) -> socket.socket:
        name = self._dns_host

        def connect(address: str) -> socket.socket:
            self._dns_host = address
            try:
                return super(_Plain, self)._new_conn()
            finally:
                self._dns_host = name

        return _dial(name, self.port, self.elsewhere, connect)


class _Tls(_Plain, HTTPSConnection):
    pass


class _PlainElsewhere(_Plain):
    elsewhere = True


class _TlsElsewhere(_Tls):
    elsewhere = True


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _Tls


class _ElsewherePool(HTTPConnectionPool):
    ConnectionCls = _PlainElsewhere


class _ElsewhereTlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsElsewhere
