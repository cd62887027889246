"""The one translator from errors to problem documents (RFC 9457)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from math import ceil
from typing import Final

import msgspec
import structlog
from aiohttp import web

from nanoscale_box.core.errors import (
    BoxError,
    Code,
    ConfigurationError,
    Conflict,
    DeployFailed,
    Fault,
    Forbidden,
    Invalid,
    NotFound,
    Unauthorized,
    Unavailable,
)
from nanoscale_box.wire.shapes import Problem

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
MEDIA_TYPE: Final = "application/problem+json"

_BY_CODE: Final[dict[Code, int]] = {
    Code.DELIVERY_CONFLICT: 400,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.TOO_LARGE: 413,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.TOO_MANY_REQUESTS: 429,
    Code.INTERNAL: 500,
    Code.GITHUB_UNREACHABLE: 502,
    Code.GITHUB_REFUSED: 502,
    Code.SHUTTING_DOWN: 503,
}
_BY_CLASS: Final[tuple[tuple[type[BoxError], int], ...]] = (
    (Invalid, 400),
    (Unauthorized, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Conflict, 409),
    (DeployFailed, 422),
    (Unavailable, 503),
    (ConfigurationError, 503),
)
_BY_FAULT: Final[dict[Fault, int]] = {Fault.OWNER: 400, Fault.GITHUB: 502, Fault.NETWORK: 502, Fault.BOX: 503}

# Said before the body was read to its end: the connection cannot be used again.
_BODY_UNREAD: Final = frozenset({408, 413, 415, 429})

_log = structlog.stdlib.get_logger("nanoscale_box.web")


def status_of(error: BoxError) -> int:
    """The HTTP status of an error: by its code where that says more than its class."""
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    for kind, status in _BY_CLASS:
        if isinstance(error, kind):
            return status
    return _BY_FAULT[error.fault]


def problem_of(error: BoxError, status: int | None = None) -> Problem:
    """The document that tells of an error."""
    status = status or status_of(error)
    return Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=error.detail,
        code=error.code.value,
        hint=error.hint or None,
    )


def retry_seconds(error: BoxError) -> int | None:
    """After how many seconds it is worth trying again, if that is known."""
    return None if error.retry_after is None else max(1, ceil(error.retry_after))


def problem_response(error: BoxError, status: int | None = None) -> web.Response:
    """The answer that tells of an error, with its own status unless another is given."""
    document = problem_of(error, status)
    response = web.Response(status=document.status, body=msgspec.json.encode(document), content_type=MEDIA_TYPE)
    if (seconds := retry_seconds(error)) is not None:
        response.headers["Retry-After"] = str(seconds)
    if document.status in _BODY_UNREAD:
        response.force_close()
    return response


@web.middleware
async def as_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever goes wrong behind this door into a problem document."""
    try:
        return await handler(request)
    except BoxError as error:
        return problem_response(error)
    except web.HTTPException as refused:
        return _of_framework(request, refused)
    except (asyncio.CancelledError, ConnectionError):
        raise
    except Exception as fault:  # noqa: BLE001 - the outermost edge: a defect must reach the caller as a document, not as a trace
        resource = request.match_info.route.resource
        return problem_response(defect(request.method, resource.canonical if resource else "unknown", fault))


def _of_framework(request: web.Request, refused: web.HTTPException) -> web.StreamResponse:
    match refused:
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(refused.allowed_methods))
            detail = f"this address does not take {request.method}"
            response = problem_response(Invalid(Code.METHOD_NOT_ALLOWED, detail, hint=f"use {allowed}"))
            response.headers["Allow"] = allowed
            return response
        case web.HTTPNotFound():
            return problem_response(NotFound(Code.NOT_FOUND, "there is nothing at this address"))
        case web.HTTPRequestEntityTooLarge():
            return problem_response(Invalid(Code.TOO_LARGE, "the request is larger than this address takes"))
        case web.HTTPRedirection():
            raise refused
        case _:
            reason = HTTPStatus(refused.status).phrase.lower()
            return problem_response(Invalid(Code.INVALID, f"the request was refused: {reason}"), refused.status)


def defect(method: str, route: str, fault: BaseException) -> BoxError:
    """Log a defect once, under an id; the route is logged as declared, since paths and queries may hold secrets."""
    error_id = secrets.token_hex(4)
    _log.error("request.failed", error_id=error_id, method=method, route=route, exc_info=fault)
    hint = f"look into the box's log, which has the details under {error_id}, and report them"
    return BoxError(Code.INTERNAL, "something went wrong inside the box", hint=hint, fault=Fault.BOX)
