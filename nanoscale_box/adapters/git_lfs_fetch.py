"""Fetches files of Git LFS: asks the repository's own server where they are, and takes each from there, checked.

The token goes to the repository's own origin and nowhere else; a file may come from another server, but only over
https and from the internet, never from this machine or its network. Every file is hashed while it is written."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

import msgspec
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from nanoscale_box.adapters.git_http import AGENT, origin_of
from nanoscale_box.adapters.git_lfs import LfsFile
from nanoscale_box.adapters.git_limits import MIB
from nanoscale_box.adapters.git_messages import Checkout
from nanoscale_box.adapters.git_reach import pool_for
from nanoscale_box.adapters.git_wire import basic
from nanoscale_box.core.errors import TRIED_AGAIN, BoxError, Code, DeployFailed, Fault, Unavailable
from nanoscale_box.core.text import inert

ARRIVING: Final = "tmp_incoming"
_TYPE: Final = "application/vnd.git-lfs+json"
_HEADER: Final = re.compile(
    r"(?!(?i:host|content-length|transfer-encoding|connection):)[A-Za-z0-9-]{1,100}: [ -~]{1,8000}"
)
_AT_ONCE: Final = 100
"""Files in one question; git-lfs asks for as many."""
_MAX_ANSWER: Final = 4 * MIB
_PIECE: Final = MIB
_REDIRECTS: Final = 3
_ACCESS: Final = "see that the GitHub App may read the repository, and that the file was pushed (git lfs push)"


class _Action(msgspec.Struct):
    href: str
    header: dict[str, str] = {}


class _Actions(msgspec.Struct):
    download: _Action | None = None


class _Trouble(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Object(msgspec.Struct):
    oid: str
    actions: _Actions | None = None
    error: _Trouble | None = None


class _Answer(msgspec.Struct):
    objects: list[_Object]


class LfsStore:
    """The LFS files of one repository: those here already (in the mirror, by name), and those on the server."""

    def __init__(self, request: Checkout, folder: Path, say: Callable[[str], None]) -> None:
        self._url = request.url.rstrip("/")
        self._host = inert(urlsplit(request.url).hostname or "", limit=100)
        self._origin = origin_of(request.url)
        self._token = request.token
        self._folder = folder
        self._say = say
        self._near = pool_for(request.limits, tls=self._origin[0] == "https")
        self._far = pool_for(request.limits, tls=True, elsewhere=True)
        self._got = 0

    def fetch(self, files: Sequence[LfsFile]) -> None:
        """See that every file is here. Raises `BoxError` with the sentence that names what is missing."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        missing = [file for file in files if not self._is_here(file)]
        total = sum(file.size for file in missing)
        for start in range(0, len(missing), _AT_ONCE):
            batch = missing[start : start + _AT_ONCE]
            actions = self._ask(batch)
            for file in batch:
                self._take(file, actions[file.oid], total)

    def pieces(self, file: LfsFile) -> Iterator[bytes]:
        """The content of a file that is here."""
        with (self._folder / file.oid).open("rb") as source:
            while piece := source.read(_PIECE):
                yield piece

    def keep_only(self, files: Sequence[LfsFile]) -> None:
        """Drop what the newest checkout did not need."""
        wanted = {file.oid for file in files}
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if path.name not in wanted:
                path.unlink()

    def _is_here(self, file: LfsFile) -> bool:
        path = self._folder / file.oid
        return path.is_file() and path.stat().st_size == file.size

    def _ask(self, batch: Sequence[LfsFile]) -> Mapping[str, _Action]:
        endpoint = f"{self._url.removesuffix('.git')}.git/info/lfs/objects/batch"
        asked = {
            "operation": "download",
            "transfers": ["basic"],
            "hash_algo": "sha256",
            "objects": [{"oid": file.oid, "size": file.size} for file in batch],
        }
        headers = {"User-Agent": AGENT, "Accept": _TYPE, "Content-Type": _TYPE, **self._credentials()}
        response = self._send("POST", endpoint, headers, batch[0], body=msgspec.json.encode(asked))
        try:
            answer = msgspec.json.decode(response.read(_MAX_ANSWER), type=_Answer)
        except (msgspec.DecodeError, RecursionError) as wrong:
            raise self._refused(batch[0], "the server's answer is none of Git LFS's") from wrong
        finally:
            response.close()
        found = {one.oid: one for one in answer.objects}
        return {file.oid: self._action(file, found.get(file.oid)) for file in batch}

    def _action(self, file: LfsFile, told: _Object | None) -> _Action:
        if told is not None and told.actions is not None and told.actions.download is not None and told.error is None:
            return told.actions.download
        said = inert(told.error.message, limit=100) if told is not None and told.error is not None else ""
        missing = f"{self._host} does not have it" + (f" ({said})" if said else "")
        raise self._refused(file, missing, hint=_ACCESS)

    def _take(self, file: LfsFile, action: _Action, total: int) -> None:
        headers = {name: value for name, value in action.header.items() if _HEADER.fullmatch(f"{name}: {value}")}
        response = self._download(file, action.href, {"User-Agent": AGENT, **headers})
        temporary, naming, size = self._folder / ARRIVING, hashlib.sha256(), 0
        try:
            with temporary.open("wb") as into:
                while piece := self._piece(response, file):
                    size += len(piece)
                    self._got += len(piece)
                    if size > file.size:
                        break
                    naming.update(piece)
                    into.write(piece)
                    self._say(f"Git LFS: {self._got / MIB:.1f} MiB, {100 * self._got // max(total, 1)} %.")
        finally:
            response.close()
        if size != file.size or naming.hexdigest() != file.oid:
            temporary.unlink()
            raise self._refused(file, "what the server sent is not the file that was pushed")
        os.rename(temporary, self._folder / file.oid)

    def _piece(self, response: BaseHTTPResponse, file: LfsFile) -> bytes:
        try:
            return response.read(_PIECE)
        except HTTPError as wrong:
            raise self._unreachable(file) from wrong

    def _download(self, file: LfsFile, href: str, headers: dict[str, str]) -> BaseHTTPResponse:
        """Follow `href`, which may send on; what was meant for one server is not shown to the next."""
        for _ in range(_REDIRECTS):
            near = origin_of(href) == self._origin
            if near and "authorization" not in {name.lower() for name in headers}:
                headers = {**headers, **self._credentials()}
            response = self._send("GET", href, headers, file)
            location = response.get_redirect_location()
            if not location:
                return response
            response.close()
            onward = urljoin(href, location)
            if origin_of(onward) != origin_of(href):
                headers = {"User-Agent": AGENT}
            href = onward
        raise self._refused(file, "its address sends on again and again")

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], file: LfsFile, body: bytes | None = None
    ) -> BaseHTTPResponse:
        """One request: to the repository's own server, or over https to one in the internet. Raises `BoxError`."""
        origin = origin_of(url)
        near = origin == self._origin
        if not near and (origin[0] != "https" or not url.isascii() or not url.isprintable()):
            raise self._refused(file, "its server sends for it to an address that is not https")
        try:
            response = (self._near if near else self._far).request(
                method, url, headers=headers, body=body, preload_content=False, redirect=False
            )
        except BoxError as wrong:
            raise self._refused(file, wrong.detail) from wrong
        except HTTPError as wrong:
            raise self._unreachable(file) from wrong
        if response.status == 200 or response.get_redirect_location():
            return response
        response.close()
        if response.status in {429, 500, 502, 503, 504, 507, 509}:
            raise self._unreachable(file, f" (HTTP {response.status})")
        raise self._refused(file, f"{self._host} did not give it out (HTTP {response.status})", hint=_ACCESS)

    def _credentials(self) -> dict[str, str]:
        return {"Authorization": basic(self._token)} if self._token is not None else {}

    def _refused(self, file: LfsFile, why: str, hint: str = "push it again with git lfs, then deploy") -> BoxError:
        return DeployFailed(Code.SOURCE_REFUSED, f"the file {file.path} in Git LFS is missing: {why}", hint=hint)

    def _unreachable(self, file: LfsFile, more: str = "") -> BoxError:
        return Unavailable(
            Code.SOURCE_UNREACHABLE,
            f"the file {file.path} in Git LFS could not be fetched now{more}",
            hint=TRIED_AGAIN,
            fault=Fault.NETWORK,
        )
