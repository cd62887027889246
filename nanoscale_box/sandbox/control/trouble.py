"""Trouble and time.

`POST /_sandbox/faults`
    `{match: {method?, path?: regex, event?: regex}, kind, times?: 1 | null, skip?, when?: before | after, seconds?,
    status?, body?, bytes?}` -> 201. Kinds for requests: status, delay, close, rate_limit, secondary_limit, stale_date,
    truncate. With `event` the rule is for deliveries: drop, delay, duplicate, corrupt. `path` is searched in the path
    with its query, for deliveries in the hook's URL. `when: after` carries the request out and then loses its answer.
`DELETE /_sandbox/faults`
    forget all rules; what a `delay` holds back goes on
`GET /_sandbox/faults`
    the rules in force, with how often each was hit
`POST /_sandbox/clock`
    `{advance_seconds?}` -> `{now}`
`POST /_sandbox/limits`
    `{limit?, remaining?, principal?}`: change hourly budgets, of all principals known or of one such as
    `installation:50000001`; `limit` also holds for those yet to come
`POST /_sandbox/browser`
    `{login}`: who is signed in where no cookie says otherwise
"""

from __future__ import annotations

import re
from dataclasses import replace

from aiohttp import web

from ..answers import ApiError, json_answer, json_body, no_content
from ..clock import iso
from ..world import world_of
from .answers import PREFIX, account_named, order_of


def routes() -> list[web.RouteDef]:
    return [
        web.get(PREFIX + "/faults", list_faults),
        web.post(PREFIX + "/faults", add_fault),
        web.delete(PREFIX + "/faults", clear_faults),
        web.post(PREFIX + "/clock", move_clock),
        web.post(PREFIX + "/limits", set_limits),
        web.post(PREFIX + "/browser", set_browser_user),
    ]


async def list_faults(request: web.Request) -> web.Response:
    return json_answer({"faults": [one.facts() for one in world_of(request).faults.rules]})


async def add_fault(request: web.Request) -> web.Response:
    data = await json_body(request)
    try:
        fault = world_of(request).faults.add(data)
    except (ValueError, TypeError, AttributeError, re.error) as error:
        raise ApiError(422, f"That is no fault: {error}.") from error
    return json_answer(fault.facts(), 201)


async def clear_faults(request: web.Request) -> web.Response:
    world_of(request).faults.clear()
    return no_content()


async def move_clock(request: web.Request) -> web.Response:
    data = await order_of(request, "advance_seconds")
    return json_answer({"now": iso(world_of(request).clock.advance(float(data.get("advance_seconds", 0))))})


async def set_limits(request: web.Request) -> web.Response:
    world, data = world_of(request), await order_of(request, "limit", "remaining", "principal")
    limiter, wanted = world.limiter, data.get("principal")
    if "limit" in data and wanted is None:
        limiter.rates = replace(limiter.rates, signed_in=int(data["limit"]))
    for name, budget in limiter.budgets.items():
        if wanted not in (None, name):
            continue
        budget.limit = int(data.get("limit", budget.limit))
        if "remaining" in data:
            budget.used = max(0, budget.limit - int(data["remaining"]))
    return json_answer({name: budget.facts() for name, budget in limiter.budgets.items()})


async def set_browser_user(request: web.Request) -> web.Response:
    world, data = world_of(request), await order_of(request, "login")
    world.state.browser_login = account_named(world, data.get("login")).login
    return no_content()
