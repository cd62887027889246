"""What happens around every request: it is written down, it may be made to fail, and REST gets GitHub's manners."""

from __future__ import annotations

import asyncio
import hashlib
from email.utils import format_datetime

from aiohttp import web

from . import ids
from .answers import ApiError, error_answer, json_answer
from .clock import iso
from .faults import TRUNCATE_AFTER, Fault, FaultKind
from .git.http import hang_up
from .limits import HOUR, SECONDARY, Budget
from .principals import AuthKind, identify
from .rest.common import API, Handler
from .web.pages import PageError, error_page
from .world import PRINCIPAL, World, world_of

CONTROL = "/_sandbox"
COUNTED: web.RequestKey[bool] = web.RequestKey("counted")
STALE_SECONDS: web.RequestKey[float] = web.RequestKey("stale_seconds")
NO_AGENT = (
    "Request forbidden by administrative rules. Please make sure your request has a User-Agent header"
    " (https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required)."
    " Check https://developer.github.com for other possible causes."
)


async def dress(request: web.Request, response: web.StreamResponse) -> None:
    """Headers on every answer. `Date` comes from the sandbox's clock, or from a fault that makes it lie."""
    now = world_of(request).clock.now()
    stale = request.get(STALE_SECONDS, 0.0)
    response.headers["Date"] = format_datetime(now.fromtimestamp(now.timestamp() - stale, now.tzinfo), usegmt=True)
    response.headers["Server"] = "sandbox-github"
    response.headers.setdefault("X-GitHub-Request-Id", ids.hex_secret(20).upper())


@web.middleware
async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Keep a log of what was asked of the sandbox; the control API itself is not in it."""
    if request.path.startswith(CONTROL):
        return await handler(request)
    world, loop = world_of(request), asyncio.get_running_loop()
    entry: dict[str, object] = {
        "time": iso(world.clock.now()),
        "method": request.method,
        "path": request.path,
        "query": request.query_string,
        "status": None,
        "auth": AuthKind.NONE,
        "principal": None,
        "token": None,
        "counted": False,
        "fault": None,
        "ms": None,
    }
    world.state.requests.append(entry)
    started = loop.time()
    try:
        response = await misbehave(request, handler, entry)
        entry["status"] = response.status
        entry["counted"] = request.get(COUNTED, False)
    finally:
        principal = request.get(PRINCIPAL)
        if principal is not None:
            entry |= {
                "auth": principal.kind,
                "principal": principal.limit_key,
                "token": principal.token_digest[:12] or None,
            }
        entry["ms"] = round((loop.time() - started) * 1000, 1)
    return response


async def misbehave(request: web.Request, handler: Handler, entry: dict[str, object]) -> web.StreamResponse:
    """Carry out the first fault that matches this request, if any."""
    fault = world_of(request).faults.for_request(request.method, request.path_qs)
    if fault is None:
        return await handler(request)
    entry["fault"] = fault.kind
    match fault.kind:
        case FaultKind.DELAY:
            await world_of(request).faults.delay(fault)
            return await handler(request)
        case FaultKind.STALE_DATE:
            request[STALE_SECONDS] = fault.seconds
            return await handler(request)
        case FaultKind.TRUNCATE:
            request[TRUNCATE_AFTER] = fault.bytes
            return await _truncated(request, await handler(request), fault)
        case _:
            return await _lost(request, handler, fault)


async def _lost(request: web.Request, handler: Handler, fault: Fault) -> web.StreamResponse:
    """Another answer than there would be, or none; with `after` the request has been carried out all the same."""
    if fault.after:
        await handler(request)
    if fault.kind is FaultKind.CLOSE:
        hang_up(request)
        return web.Response(status=499)
    return _trouble(world_of(request), fault)


def _trouble(world: World, fault: Fault) -> web.Response:
    now = world.clock.timestamp()
    wait = int(fault.seconds) or 60
    match fault.kind:
        case FaultKind.RATE_LIMIT:
            budget = Budget(limit=5000, used=5000, reset_at=now + (int(fault.seconds) or HOUR))
            return error_answer(ApiError(403, "API rate limit exceeded for the sandbox.", headers=budget.headers()))
        case FaultKind.SECONDARY_LIMIT:
            return error_answer(ApiError(403, SECONDARY, headers={"Retry-After": str(wait)}))
        case _:
            if fault.body is not None:
                return web.Response(status=fault.status, text=fault.body)
            return json_answer(
                {"message": "Server Error"} if fault.status >= 500 else {"message": "Fault"}, fault.status
            )


async def _truncated(request: web.Request, response: web.StreamResponse, fault: Fault) -> web.StreamResponse:
    """Promise the whole body, send its beginning, close. What streams by itself has done so already."""
    if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
        return response
    short = web.StreamResponse(status=response.status, headers=response.headers)
    short.content_length = len(response.body)
    await short.prepare(request)
    await short.write(response.body[: fault.bytes or len(response.body) // 2])
    hang_up(request)
    return short


@web.middleware
async def speak(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn refusals into the form of the door they came through."""
    if request.path.startswith(API):
        return await _speak_rest(request, handler)
    try:
        return await handler(request)
    except ApiError as error:
        return error_answer(error)
    except PageError as error:
        return error_page(error)


async def _speak_rest(request: web.Request, handler: Handler) -> web.StreamResponse:
    world = world_of(request)
    if not request.headers.get("User-Agent"):
        return web.Response(status=403, text=NO_AGENT)
    now = world.clock.now()
    try:
        principal = identify(world.state, request.headers.get("Authorization"), request.remote or "", now)
        request[PRINCIPAL] = principal
        budget = world.limiter.check(principal, request.method, now)
    except ApiError as error:
        return error_answer(error)
    try:
        response = await handler(request)
    except ApiError as error:
        response = error_answer(error)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        response = error_answer(ApiError(404, "Not Found"))
    if not isinstance(response, web.Response):
        return response
    response = _with_etag(request, response, principal.token_digest)
    counted = response.status != 304 and request.path != API + "/rate_limit"
    if counted:
        budget.used += 1
    request[COUNTED] = counted
    response.headers["X-GitHub-Media-Type"] = "github.v3; format=json"
    response.headers.update({**budget.headers(), **response.headers})
    return response


def _with_etag(request: web.Request, response: web.Response, digest: str) -> web.Response:
    """Every successful GET has an ETag that holds for one token only; a match is answered 304 and costs nothing."""
    if request.method != "GET" or response.status != 200 or not isinstance(response.body, bytes):
        return response
    seen = hashlib.sha256(digest.encode() + request.headers.get("Accept", "").encode() + response.body).hexdigest()
    etag = f'W/"{seen}"'
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "private, max-age=60, s-maxage=60"
    response.headers["Vary"] = "Accept, Authorization, Cookie, X-GitHub-OTP"
    wanted = {one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")}
    if etag.removeprefix("W/") not in wanted:
        return response
    kept = {name: value for name, value in response.headers.items() if name not in ("Content-Type", "Content-Length")}
    return web.Response(status=304, headers=kept)
