"""Who is at the other end of a unix socket, as the kernel says, and whether they may."""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from nanoscale_box.core.errors import Code, Forbidden
from nanoscale_box.web.callers import CALLER, VIA
from nanoscale_box.web.problems import Handler

_CREDENTIALS: Final = struct.Struct("3i")
# asm-generic/socket.h; the socket module does not name it.
_SO_PEERGROUPS: Final = 59
_GROUPS_BYTES: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A process that connected."""

    uid: int
    gids: frozenset[int]


def peer_of(sock: socket.socket) -> Peer:
    """The peer as it was when it connected (`SO_PEERCRED`, and `SO_PEERGROUPS` where the kernel has it)."""
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _pid, uid, gid = _CREDENTIALS.unpack(credentials)
    return Peer(uid=uid, gids=frozenset({gid, *_supplementary(sock)}))


def _supplementary(sock: socket.socket) -> tuple[int, ...]:
    try:
        packed = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_BYTES)
    except OSError:
        return ()
    return struct.unpack(f"{len(packed) // 4}I", packed)


def may_enter(peer: Peer, *, own_uid: int, group: int | None) -> bool:
    """The box's own user, root, and under the service the members of its group."""
    return peer.uid in (own_uid, 0) or (group is not None and group in peer.gids)


def check_peers(group: int | None = None) -> Middleware:
    """A middleware that lets in only who may enter and notes who it is."""
    own_uid = os.geteuid()

    @web.middleware
    async def checked(request: web.Request, handler: Handler) -> web.StreamResponse:
        peer = peer_of(request.get_extra_info("socket"))
        if not may_enter(peer, own_uid=own_uid, group=group):
            raise Forbidden(
                Code.FORBIDDEN,
                "this box belongs to another user",
                hint="use it as the user who runs it; if it is a service, join the group `nanoscale-box`",
            )
        request[CALLER] = f"uid:{peer.uid}"
        request[VIA] = "socket"
        return await handler(request)

    return checked
