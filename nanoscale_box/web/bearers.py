"""Who is at the other end of a TCP connection: whoever holds a bearer token, with the right that is written in it."""

from __future__ import annotations

from typing import Final

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from nanoscale_box.core.errors import BoxError, Code, Forbidden, Unauthorized
from nanoscale_box.core.secret import Secret
from nanoscale_box.core.tokens import Scope
from nanoscale_box.web.callers import CALLER, VIA, operation_of
from nanoscale_box.web.problems import Handler, problem_response
from nanoscale_box.web.services import Tokens

_SCHEME: Final = "bearer "

_log = structlog.stdlib.get_logger("nanoscale_box.web")


def check_tokens(tokens: Tokens) -> Middleware:
    """A middleware that lets in only who brings a token that is good for what is asked."""

    @web.middleware
    async def checked(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            await _enter(request, tokens)
        except Unauthorized as refused:
            _log.info("api.refused", code=refused.code.value)
            response = problem_response(refused)
            response.headers[hdrs.WWW_AUTHENTICATE] = "Bearer"  # RFC 9110, 15.5.2
            return response
        except BoxError as refused:
            _log.info("api.refused", code=refused.code.value)
            return problem_response(refused)
        return await handler(request)

    return checked


async def _enter(request: web.Request, tokens: Tokens) -> None:
    token = await tokens.recognise(_presented(request))
    operation = operation_of(request)
    if operation is not None and not token.scope.includes(Scope(operation.scope)):
        raise Forbidden(
            Code.FORBIDDEN,
            f"this token may only {token.scope}, and this needs {operation.scope}",
            hint=f"make one: nanoscale-box token create NAME --scope {operation.scope}",
        )
    request[CALLER] = f"token:{token.id}"
    request[VIA] = "token"


def _presented(request: web.Request) -> Secret:
    """What stands in the one `Authorization` header (RFC 6750, 2.1); nothing when it is missing or given twice."""
    given = request.headers.getall(hdrs.AUTHORIZATION, [])
    if len(given) != 1 or not given[0].lower().startswith(_SCHEME):
        return Secret("")
    return Secret(given[0][len(_SCHEME) :].strip())
