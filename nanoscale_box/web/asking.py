"""Reads what a caller asked: bodies, queries and ids, each refused with a sentence that names what is wrong."""

from __future__ import annotations

import re
from typing import Final, TypeVar

import msgspec
from aiohttp import web

from nanoscale_box.core.errors import Code, Invalid
from nanoscale_box.core.model import DeploymentId, InstallationId, ProjectId, RepoId
from nanoscale_box.engine.records import Page
from nanoscale_box.wire.requests import Request

T = TypeVar("T", bound=Request)

MAX_LIMIT: Final = 200
MAX_TEXT: Final = 512
MAX_ID: Final = 2**63 - 1
# What msgspec calls things, and what people do.
_WORDS: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}
_TYPES: Final = re.compile(r"`([a-z]+(?: \| [a-z]+)*)`")
_PLACED: Final = re.compile(r"(?P<said>.*) - at `\$\.?(?P<place>.*)`\Z", re.DOTALL)


async def body_of(request: web.Request, kind: type[T]) -> T:
    """The body as `kind`; nothing at all counts as an empty object."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Invalid(Code.UNSUPPORTED_MEDIA_TYPE, "the body is compressed", hint="send it as it is")
    body = await request.read()
    if body and request.content_type != "application/json":
        hint = "send `Content-Type: application/json`"
        raise Invalid(Code.UNSUPPORTED_MEDIA_TYPE, "the body is not declared as JSON", hint=hint)
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.ValidationError as mismatch:
        raise Invalid(Code.INVALID, _sentence(str(mismatch))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Invalid(Code.INVALID, "the body is not JSON") from None


def _sentence(said: str) -> str:
    """`Expected `str`, got `int` - at `$.name`` becomes `name: expected text, got a whole number`."""
    place = "the body"
    if placed := _PLACED.match(said):
        said, place = placed["said"], placed["place"]
    if said.startswith("Expected"):
        said = _TYPES.sub(lambda found: " or ".join(_WORDS.get(word, word) for word in found[1].split(" | ")), said)
    return f"{place}: {said[:1].lower()}{said[1:]}"


class Query:
    """The query of a request; a parameter that is unknown here or given twice is refused."""

    def __init__(self, request: web.Request, *known: str) -> None:
        self._values: dict[str, str] = {}
        for name, value in request.query.items():
            if name not in known:
                hint = f"leave it out; known here: {', '.join(known) or 'none'}"
                raise Invalid(Code.INVALID, "the query has a parameter that is unknown here", hint=hint)
            if name in self._values:
                raise Invalid(Code.INVALID, f"{name} is given twice")
            if len(value) > MAX_TEXT or "\0" in value:
                raise Invalid(Code.INVALID, f"{name} is longer than {MAX_TEXT} characters or has a NUL in it")
            self._values[name] = value

    def text(self, name: str) -> str | None:
        """The parameter, None when it is not given."""
        return self._values.get(name)

    def flag(self, name: str, default: bool) -> bool:
        """`true` or `false`."""
        match self._values.get(name):
            case None:
                return default
            case "true" | "1":
                return True
            case "false" | "0":
                return False
            case _:
                raise Invalid(Code.INVALID, f"{name} is either true or false")

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """One of a few words."""
        value = self._values.get(name, default)
        if value not in choices:
            raise Invalid(Code.INVALID, f"{name} is one of {', '.join(choices)}")
        return value

    def number(self, name: str, lowest: int, highest: int = MAX_ID) -> int | None:
        """A whole number within bounds, None when it is not given."""
        value = self._values.get(name)
        return None if value is None else whole_number(value, name, lowest, highest)

    def page(self) -> Page:
        """Which part of a list is asked for."""
        limit = self.number("limit", 1, MAX_LIMIT)
        return Page(limit=limit or Page().limit, cursor=self._values.get("cursor") or None)


def whole_number(text: str, name: str, lowest: int, highest: int = MAX_ID) -> int:
    """A whole number in plain ASCII digits, within bounds."""
    if text.isascii() and text.isdigit() and len(text) <= 19 and lowest <= int(text) <= highest:
        return int(text)
    raise Invalid(Code.INVALID, f"{name} is a whole number from {lowest} to {highest}")


def project_id(request: web.Request) -> ProjectId:
    """The project of the address, by id or name."""
    return ProjectId(request.match_info["project_id"])


def deployment_id(request: web.Request) -> DeploymentId:
    """The deployment of the address."""
    return DeploymentId(request.match_info["deployment_id"])


def repo_id(request: web.Request) -> RepoId:
    """The repository of the address."""
    return RepoId(whole_number(request.match_info["repo_id"], "the repository's id", 1))


def installation_id(value: int | None) -> InstallationId | None:
    """The installation, if one is asked for."""
    return None if value is None else InstallationId(value)
