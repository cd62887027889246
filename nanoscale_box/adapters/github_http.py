"""One HTTP exchange with GitHub: bounded in time and size, redirects followed within the host only."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from yarl import URL

from nanoscale_box.core.errors import Code, Fault, Unavailable

_TIMEOUT: Final = aiohttp.ClientTimeout(total=20, sock_connect=8)
_LARGEST_ANSWER: Final = 16 * 1024 * 1024
_MOST_REDIRECTS: Final = 3
# A renamed repository answers 301 to GET and 307 to the rest; the request is repeated as it was:
# https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
_REDIRECTS: Final = frozenset({301, 302, 307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request, ready to go. `url` is used as it is, percent signs included."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back whole; header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """Why nothing came back, as the end of a sentence. `sent` False: GitHub cannot have seen the request."""

    why: str
    sent: bool


class Http:
    """Sends exchanges over a session that is given, or over one of its own that `close` closes."""

    def __init__(self, session: aiohttp.ClientSession | None) -> None:
        self._given = session
        self._own: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the session, if it is our own."""
        if self._own is not None:
            await self._own.close()
            self._own = None

    async def send(self, exchange: Exchange) -> Answer | NoAnswer:
        """The answer after redirects. Errors are given back, not raised: aiohttp's own carry the request's headers."""
        url = exchange.url
        for _ in range(_MOST_REDIRECTS + 1):
            answer = await self._once(exchange, url)
            if isinstance(answer, NoAnswer) or answer.status not in _REDIRECTS:
                return answer
            url = followed(url, answer.headers.get("location", ""))
        raise refused_answer("GitHub redirected the request too often.")

    async def _once(self, exchange: Exchange, url: str) -> Answer | NoAnswer:
        try:
            async with self._session().request(
                exchange.method,
                URL(url, encoded=True),
                headers=exchange.headers,
                data=exchange.body,
                timeout=_TIMEOUT,
                allow_redirects=False,
            ) as response:
                body = await _bounded(response)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(status=response.status, headers=headers, body=body)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            return why_not(error)

    def _session(self) -> aiohttp.ClientSession:
        if self._given is not None:
            return self._given
        if self._own is None:
            self._own = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self._own


def followed(url: str, location: str) -> str:
    """Where a redirect or a page's `next` leads; refused when that is another host, port or scheme."""
    try:
        here = URL(url, encoded=True)
        there = here.join(URL(location, encoded=True))
        if location and there.origin() == here.origin() and there.raw_user is None:
            return str(there)
    except ValueError:
        pass  # no URL at all leads nowhere either
    raise refused_answer("GitHub's answer leads to another host, so it was not followed.")


def refused_answer(sentence: str) -> Unavailable:
    """An answer that is not to be trusted or understood."""
    hint = "If a proxy stands between the box and GitHub, see what it does to the answers; otherwise try again later."
    return Unavailable(Code.GITHUB_REFUSED, sentence, hint=hint, fault=Fault.GITHUB)


def why_not(error: Exception) -> NoAnswer:
    """A broken exchange as the end of a sentence."""
    match error:
        case aiohttp.ClientConnectorDNSError() | socket.gaierror():
            return NoAnswer(why="its name cannot be resolved", sent=False)
        case aiohttp.ClientSSLError():
            return NoAnswer(why="it shows no certificate this machine trusts", sent=False)
        case aiohttp.ConnectionTimeoutError():
            return NoAnswer(why="it did not take the connection in time", sent=False)
        case aiohttp.ClientConnectorError():
            return NoAnswer(why="it cannot be reached over the network", sent=False)
        case TimeoutError():
            return NoAnswer(why="it did not answer in time", sent=True)
        case _:
            return NoAnswer(why="the connection broke", sent=True)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    chunks = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        chunks += chunk
        if len(chunks) > _LARGEST_ANSWER:
            response.close()
            raise refused_answer("GitHub's answer is larger than any it should give, so it was dropped.")
    return bytes(chunks)
