"""Deliveries of the App's hook and of repository hooks: lists, single ones, and another attempt."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web

from ..answers import ApiError, invalid, json_answer, json_body, not_found
from ..hooks.events import app_target, hook_target
from ..model import App, Delivery, DeliveryId, HookConfig, HookTarget
from ..shapes import hooks as shapes
from ..world import World, world_of
from .common import API, for_repo, require_app
from .hooks import find_hook, merge_config
from .paging import cursor_page

# https://docs.github.com/en/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks
KEPT = timedelta(days=3)


def routes() -> list[web.RouteDef]:
    of_app, of_hook = API + "/app/hook/deliveries", r"/hooks/{hook_id:\d+}/deliveries"
    one = r"/{delivery_id:\d+}"
    return [
        web.get(API + "/app/hook/config", get_app_config),
        web.patch(API + "/app/hook/config", update_app_config),
        web.get(of_app, list_of_app),
        web.get(of_app + one, get_of_app),
        web.post(of_app + one + "/attempts", redeliver_of_app),
        *for_repo("GET", of_hook, list_of_hook),
        *for_repo("GET", of_hook + one, get_of_hook),
        *for_repo("POST", of_hook + one + "/attempts", redeliver_of_hook),
    ]


async def get_app_config(request: web.Request) -> web.Response:
    return json_answer(shapes.hook_config(require_app(request).hook))


async def update_app_config(request: web.Request) -> web.Response:
    """Sets URL and secret; an inactive hook stays inactive, as at GitHub."""
    app: App = require_app(request)
    merge_config(app.hook, await json_body(request))
    return json_answer(shapes.hook_config(app.hook))


def _kept(world: World, target: HookTarget) -> list[Delivery]:
    oldest = world.clock.now() - KEPT
    found = [one for one in world.state.deliveries.values() if one.target == target and one.created_at >= oldest]
    return found[::-1]


def _list(request: web.Request, target: HookTarget) -> web.Response:
    found = [one for one in _kept(world_of(request), target) if _wanted(request, one)]
    chosen, headers = cursor_page(request, found, [one.id for one in found])
    return json_answer([shapes.delivery_item(one) for one in chosen], headers=headers)


def _wanted(request: web.Request, delivery: Delivery) -> bool:
    if "redelivery" in request.query and (request.query["redelivery"] == "true") != delivery.redelivery:
        return False
    match request.query.get("status"):
        case None:
            return True
        case "success":
            return delivery.status_code < 400
        case "failure":
            return delivery.status_code >= 400
        case _:
            raise invalid("HookDelivery", "status", "invalid")


def _find(request: web.Request, target: HookTarget) -> Delivery:
    wanted = DeliveryId(int(request.match_info["delivery_id"]))
    found = next((one for one in _kept(world_of(request), target) if one.id == wanted), None)
    if found is None:
        raise not_found()
    return found


def _again(request: web.Request, config: HookConfig, old: Delivery) -> web.Response:
    """Another attempt: a new id, the same guid, the hook's configuration of today."""
    sent = world_of(request).courier.send(
        config,
        old.target,
        old.event,
        old.payload,
        installation_id=old.installation_id,
        repo_id=old.repo_id,
        guid=old.guid,
        redelivery=True,
    )
    if sent is None:
        raise ApiError(422, "The hook has no URL to deliver to.")
    return json_answer({}, 202)


async def list_of_app(request: web.Request) -> web.Response:
    return _list(request, app_target(require_app(request)))


async def get_of_app(request: web.Request) -> web.Response:
    return json_answer(shapes.delivery_whole(_find(request, app_target(require_app(request)))))


async def redeliver_of_app(request: web.Request) -> web.Response:
    app = require_app(request)
    return _again(request, app.hook, _find(request, app_target(app)))


async def list_of_hook(request: web.Request) -> web.Response:
    return _list(request, hook_target(find_hook(request)[1]))


async def get_of_hook(request: web.Request) -> web.Response:
    return json_answer(shapes.delivery_whole(_find(request, hook_target(find_hook(request)[1]))))


async def redeliver_of_hook(request: web.Request) -> web.Response:
    hook = find_hook(request, "write")[1]
    return _again(request, hook.config, _find(request, hook_target(hook)))
