"""What most of the engine works with, bundled: the desk it writes at, and the hands it reaches out with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nanoscale_box.engine.crashpoints import Reached, passed
from nanoscale_box.engine.machine import Machine
from nanoscale_box.engine.ports import Builder, Clock, Ids, Ingress, Logs, Runner, Source, Vault
from nanoscale_box.engine.records import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Memory, time, ids, seals and chance."""

    ledger: Ledger
    clock: Clock
    ids: Ids
    vault: Vault
    random: Callable[[int], bytes]
    """So many bytes that nobody can guess."""
    reached: Reached = passed


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What a deployment, and the doctor, reach the world with."""

    source: Source
    builder: Builder
    runner: Runner
    ingress: Ingress
    logs: Logs
    machine: Machine
