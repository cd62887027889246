"""What the doctor says of the walls around builds and apps."""

from __future__ import annotations

import pytest

from nanoscale_box.engine.ports import Isolation
from tests.engine.house import House
from tests.fakes import FakeRunner


@pytest.mark.parametrize(
    ("isolation", "status", "title"),
    [
        (Isolation(by="bubblewrap"), "ok", "builds and apps are set apart by bubblewrap"),
        (
            Isolation(by="bubblewrap", gaps=("CPU", "tasks")),
            "ok",
            "builds and apps are set apart by bubblewrap, but not limited in CPU and tasks",
        ),
        (
            Isolation(by=None, why_not="bubblewrap is not installed", fix="install it"),
            "warn",
            "builds and apps are not set apart: bubblewrap is not installed",
        ),
    ],
)
async def test_it_says_how_apps_are_set_apart(
    house: House, monkeypatch: pytest.MonkeyPatch, isolation: Isolation, status: str, title: str
) -> None:
    monkeypatch.setattr(FakeRunner, "isolation", isolation)
    await house.restart()
    found = [one for one in await house.engine.doctor.look() if one.code == "isolation"]
    assert [(one.status, one.title, one.fix) for one in found] == [(status, title, isolation.fix or None)]
