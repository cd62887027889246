"""The way to a git server: one origin, verified TLS, no proxy, a budget of bytes, and sentences for status codes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urljoin, urlsplit

from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.response import BaseHTTPResponse

from nanoscale_box.adapters.git_limits import MIB, GitLimits
from nanoscale_box.adapters.git_pack import too_large
from nanoscale_box.adapters.git_reach import pool_for
from nanoscale_box.core.errors import TRIED_AGAIN, BoxError, Code, DeployFailed, Fault, Unavailable
from nanoscale_box.core.text import inert

AGENT: Final = "git/2.0 nanoscale-box"
"""Some servers answer in git's protocol only to an agent that begins with `git/`."""
_LARGE: Final = MIB
_PIECE: Final = MIB // 8
_REDIRECTS: Final = 4
_TRY_CLONE: Final = "Try the address with `git clone`."
_ADDRESS_NOW: Final = "Give the address that the repository has now."
_ERROR: Final = re.compile(rb"[0-9a-f]{4}ERR ([^\n]{1,300})")
_TYPES: Final = ("application/x-git-upload-pack-advertisement", "application/x-git-upload-pack-result")
_PORTS: Final = {"http": 80, "https": 443}


class Transport:
    """What dulwich takes for a urllib3 pool. Until `expect_pack` is called answers are read whole, which leaves the
    connection free for the next request."""

    def __init__(self, url: str, limits: GitLimits, *, with_token: bool) -> None:
        self.headers: Mapping[str, str] = {"User-Agent": AGENT}
        self._limits = limits
        self.expect_words()
        self.ended_early = False
        self.first = b""
        """How the last answer begins; dulwich leaves out what a server says there before it hangs up."""
        self.host = inert(urlsplit(url).hostname or "", limit=100)
        self._origin = origin_of(url)
        self._with_token = with_token
        self._pool = pool_for(limits, tls=self._origin[0] == "https")

    def expect_words(self) -> None:
        """The next answers are small."""
        self._streams = False
        self._allowance = self._limits.max_refs_bytes

    def expect_pack(self) -> None:
        """The next answer is a pack: it may be large, and is read as it arrives."""
        self._streams = True
        self._allowance = self._limits.max_pack_bytes + self._limits.max_pack_bytes // 1000 + 16 * MIB

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        preload_content: bool = False,
    ) -> GitResponse:
        """Send a request; follow redirects within the origin. Raises `BoxError` for all but a git server's 200."""
        for _ in range(_REDIRECTS):
            response = self._send(method, url, headers, body, preload_content)
            location = response.get_redirect_location()
            if not location:
                self._check(response)
                answer = GitResponse(self, response, url)
                if not self._streams:
                    answer.read_whole(self._allowance)
                return answer
            response.close()
            if method != "GET":
                break
            url = urljoin(url, location)
        raise self._refused("redirects in a way that cannot be followed", hint=_ADDRESS_NOW)

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, preload_content: bool
    ) -> BaseHTTPResponse:
        if not self._origin[0] or origin_of(url) != self._origin:
            raise self._refused("sends on to another host", hint=_ADDRESS_NOW)
        for again in (True, False):
            try:
                return self._pool.request(
                    method, url, headers=headers, body=body, preload_content=preload_content, redirect=False
                )
            except HTTPError as wrong:
                if not (again and isinstance(wrong, ProtocolError)):  # a kept connection that was closed meanwhile
                    raise self.unreachable(wrong) from wrong
        raise AssertionError("the second try has returned or raised")

    def _check(self, response: BaseHTTPResponse) -> None:
        status, self.first = response.status, b""
        if status == 200 and (response.headers.get("Content-Type") or "").split(";")[0] in _TYPES:
            return
        response.close()
        match status:
            case 200:
                raise self._refused("is no git repository", hint="give the address that `git clone` takes")
            case 401 | 403 | 404:
                raise self._denied(status)
            case 429 | 503 | 500 | 502 | 504:
                after = response.headers.get("Retry-After", "")
                raise Unavailable(
                    Code.SOURCE_UNREACHABLE,
                    f"{self.host} cannot answer now (HTTP {status})",
                    hint=TRIED_AGAIN,
                    fault=Fault.NETWORK,
                    retry_after=float(after) if re.fullmatch("[0-9]{1,6}", after) else None,
                )
            case _:
                raise self._refused(f"gave the unexpected answer HTTP {status}", hint=_TRY_CLONE)

    def _denied(self, status: int) -> DeployFailed:
        if self._with_token:
            detail = f"{self.host} did not let the box read the repository (HTTP {status})"
            hint = "see that the repository is still there and that the GitHub App may read it"
        else:
            detail = f"{self.host} has no such repository, or it is private (HTTP {status})"
            hint = "check the address; for a private repository connect GitHub"
        return DeployFailed(Code.SOURCE_DENIED, detail, hint=hint)

    def _refused(self, what: str, *, hint: str) -> DeployFailed:
        return DeployFailed(Code.SOURCE_REFUSED, f"the repository's address on {self.host} {what}", hint=hint)

    def unreachable(self, wrong: HTTPError) -> Unavailable:
        """The sentence for a connection that failed."""
        code, hint = Code.SOURCE_UNREACHABLE, f"Check the network. {TRIED_AGAIN}"
        match wrong:
            case ReadTimeoutError():
                code, what = Code.SOURCE_TIMEOUT, f"{self.host} was silent for {self._limits.stall_seconds:g} seconds."
            case NameResolutionError():
                what = f"the name {self.host} could not be resolved"
            case NewConnectionError():  # by inheritance a ConnectTimeoutError too
                what = f"{self.host} does not take connections"
            case ConnectTimeoutError():
                code, what = Code.SOURCE_TIMEOUT, f"{self.host} did not take the connection in time."
            case SSLError():
                what = f"the certificate of {self.host} could not be verified"
            case _:
                what = f"the connection to {self.host} failed"
        return Unavailable(code, what, hint=hint, fault=Fault.NETWORK)

    def spend(self, data: bytes) -> None:
        """Note that these bytes came."""
        self._allowance -= len(data)
        if self._allowance < 0:
            raise too_large("its server sent more", self._limits.max_refs_bytes)
        if len(self.first) < 400:
            self.first += data[:400]

    def misunderstood(self, sha: str | None) -> BoxError:
        """The sentence for an answer that dulwich could not make sense of."""
        said = _ERROR.match(self.first)
        if said is not None and b"not our ref" in said.group(1) and sha is not None:
            return DeployFailed(
                Code.SOURCE_REFUSED,
                f"the repository no longer has the commit {sha[:10]}",
                hint="deploy the branch as it is now; the commit was probably replaced by a force push",
            )
        if said is not None:
            text = inert(said.group(1).decode("utf-8", "replace"), limit=200)
            return self._refused(f"answered: {text}", hint=_TRY_CLONE)
        if self.ended_early:
            what = f"{self.host} closed the connection before everything was sent"
            return Unavailable(Code.SOURCE_UNREACHABLE, what, hint=TRIED_AGAIN, fault=Fault.NETWORK)
        return self._refused("does not answer as git servers do", hint=_TRY_CLONE)


class GitResponse:
    """A response as dulwich reads it; every byte is counted."""

    def __init__(self, transport: Transport, response: BaseHTTPResponse, url: str) -> None:
        self.status = response.status
        self.headers = response.headers
        self.content_type: str | None = None
        self.redirect_location = ""
        self._transport = transport
        self._response = response
        self._held = b""
        self._at = 0
        self._count = 0
        self._url = url

    def geturl(self) -> str:
        """Where the answer came from in the end."""
        return self._url

    def read_whole(self, most: int) -> None:
        """Take all there is, at most one byte more than `most`."""
        self._held = self._received(self._response.read, most + 1)

    def read(self, size: int) -> bytes:
        """The next bytes; fewer than asked for only at the end."""
        end = self._at + size
        while end > len(self._held) and (more := self._more()):
            self._held, self._at, end = self._held[self._at :] + more, 0, size
        data = self._held[self._at : end]
        self._at += len(data)
        self._transport.ended_early = len(data) < size
        return data

    def _more(self) -> bytes:
        """What has come; of a large answer, which comes in many small parts, a large piece."""
        read = self._response.read1 if self._count < _LARGE else self._response.read
        more = self._received(read, _PIECE)
        self._count += len(more)
        return more

    def _received(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            data = read(size)
        except HTTPError as wrong:
            raise self._transport.unreachable(wrong) from wrong
        self._transport.spend(data)
        return data

    def close(self) -> None:
        """Close the connection if there is more to come; otherwise it was given back already."""
        self._response.close()


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port. A URL with credentials has none: they have no place there."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or parts.username is not None or parts.password is not None:
        return ("", "", None)
    return (parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS[parts.scheme])
