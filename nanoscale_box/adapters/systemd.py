"""Asks systemd: the one place where its commands are run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nanoscale_box.adapters import shell, systemd_units
from nanoscale_box.adapters.systemd_units import UnitState
from nanoscale_box.core.errors import Code, Fault, Unavailable
from nanoscale_box.core.text import inert

SECONDS: Final = 60.0
"""A start waits for the machine to have room; nothing else takes long."""


async def tell(argv: Sequence[str]) -> str:
    """What a command says; `Unavailable` `start_failed` with systemd's own words if it refuses."""
    status, said = await shell.ask(argv, seconds=SECONDS)
    if status != 0:
        words = inert((said.strip() or "it says nothing").splitlines()[0], limit=300)
        raise Unavailable(
            Code.START_FAILED,
            f"systemd refuses to {argv[4]} {argv[-1]}: {words}",
            hint="see why: journalctl -xe; the rights of the box come with: sudo ./scripts/install-service",
            fault=Fault.BOX,
        )
    return said


async def state(unit: str) -> UnitState:
    """How a unit is."""
    return (await states([unit]))[0]


async def states(units: Sequence[str]) -> list[UnitState]:
    """How units are, in this order."""
    return systemd_units.states(await tell(systemd_units.show(*units)))
