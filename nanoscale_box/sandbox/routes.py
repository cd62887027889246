"""Every address of the sandbox, in the order they are tried: fixed ones first, git's two-part names last."""

from __future__ import annotations

from aiohttp import web

from .control import apps as control_apps
from .control import repos as control_repos
from .control import trouble, watching
from .git import http as git_http
from .lfs import http as lfs_http
from .rest import (
    apps,
    checks,
    commits,
    contents,
    deliveries,
    deployments,
    feedback,
    hooks,
    installation,
    meta,
    oauth_apps,
    repos,
    user,
)
from .web import account, device, install, manifest, oauth

# `feedback` and `checks` before `commits`: /commits/REF/status would otherwise be taken for the commit REF/status.
ROOMS = (
    watching,
    control_repos,
    control_apps,
    trouble,
    meta,
    apps,
    installation,
    user,
    oauth_apps,
    feedback,
    checks,
    deployments,
    deliveries,
    hooks,
    commits,
    contents,
    repos,
    manifest,
    oauth,
    device,
    account,
    install,
    lfs_http,
    git_http,
)


def all_routes() -> list[web.RouteDef]:
    return [route for room in ROOMS for route in room.routes()]
