"""The parts of one running sandbox, handed to every handler."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from .lfs.store import LfsStore

if TYPE_CHECKING:
    from .clock import Clock
    from .faults import FaultBook
    from .git.http import GitDoor
    from .git.store import GitStore
    from .hooks.courier import Courier
    from .limits import Limiter
    from .principals import Principal
    from .settings import Settings
    from .state import State


@dataclass(slots=True, kw_only=True)
class World:
    """One sandbox: its memory, its clock, its disk and its messengers."""

    settings: Settings
    clock: Clock
    state: State
    git: GitStore
    git_door: GitDoor
    courier: Courier
    limiter: Limiter
    faults: FaultBook
    lfs: LfsStore = field(default_factory=LfsStore)
    url: str = ""

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/v3"


WORLD: web.AppKey[World] = web.AppKey("world")
PRINCIPAL: web.RequestKey[Principal] = web.RequestKey("principal")


def world_of(request: web.Request) -> World:
    return request.app[WORLD]
