"""What one operation of the API is: how it is described, before it is listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from nanoscale_box.wire import requests, shapes

Scope = Literal["read", "deploy", "admin"]
"""What a token may do: look; also start, cancel and take back deployments; everything."""

Kind = Literal["text", "number", "flag"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of the query, or a header that stands for one."""

    name: str
    does: str
    kind: Kind = "text"
    choices: tuple[str, ...] = ()
    lowest: int = 0
    highest: int = 2**63 - 1
    header: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one route. `gives` is None for an answer without a body, `str` for a stream of events, and
    `bytes` for what has a media type of its own."""

    id: str
    method: str
    route: str
    does: str
    scope: Scope
    gives: Any = None
    tells: tuple[type[shapes.Shape], ...] = ()
    """What the data of a stream's events are. An answer with a body besides is a stream for whoever accepts one."""
    media: str = "application/json"
    takes: type[requests.Request] | None = None
    query: tuple[Parameter, ...] = ()
    status: int = 200
    refusals: tuple[int, ...] = ()
    """Statuses of problem documents besides those that every operation may answer with."""
