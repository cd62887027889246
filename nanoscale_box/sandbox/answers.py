"""Answers in GitHub's form: JSON bodies, error bodies, and the exceptions that become them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web

DOCS = "https://docs.github.com/rest"
JSON_TYPE = "application/json"


class ApiError(Exception):
    """A refusal by the REST API: a status, GitHub's message, and for 422 the list of field errors."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Sequence[Any] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = {"message": self.message, **self.extra}
        if self.errors:
            found["errors"] = self.errors
        return {**found, "documentation_url": DOCS, "status": str(self.status)}


def not_found() -> ApiError:
    return ApiError(404, "Not Found")


def bad_credentials() -> ApiError:
    return ApiError(401, "Bad credentials")


def forbidden_to_apps(accepted: str = "") -> ApiError:
    headers = {"X-Accepted-GitHub-Permissions": accepted} if accepted else {}
    return ApiError(403, "Resource not accessible by integration", headers=headers)


def invalid(resource: str, field: str, code: str, message: str = "") -> ApiError:
    """422 for one field, as in `{"resource": "Hook", "code": "custom", "message": "..."}`."""
    error = {"resource": resource, "code": code, "field": field}
    if message:
        error["message"] = message
    return ApiError(422, "Validation Failed", errors=[error])


def json_answer(data: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(data), status=status, content_type=JSON_TYPE, charset="utf-8", headers=headers
    )


def error_answer(error: ApiError) -> web.Response:
    return json_answer(error.body(), error.status, error.headers)


def no_content() -> web.Response:
    return web.Response(status=204)


async def json_body(request: web.Request) -> dict[str, Any]:
    """The request's JSON object; an empty body counts as an empty object."""
    raw = await request.read()
    if not raw.strip():
        return {}
    try:
        data = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ApiError(400, "Problems parsing JSON") from error
    if not isinstance(data, dict):
        raise ApiError(400, "Body should be a JSON object")
    return data
