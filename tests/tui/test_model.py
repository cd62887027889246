"""The model under events."""

from __future__ import annotations

from typing import Any

import msgspec

from nanoscale_box.tui.model import History, Model, Owed
from nanoscale_box.wire import shapes
from tests.tui import samples


def event(kind: str, data: shapes.Shape | dict[str, Any], project_id: str | None = "prj_a") -> shapes.Event:
    plain = data if isinstance(data, dict) else msgspec.json.decode(msgspec.json.encode(data))
    return shapes.Event(id=1, kind=kind, at=samples.NOW, project_id=project_id, deployment_id=None, data=plain)


def model() -> Model:
    live = samples.deployment("a", 1, state="live")
    return Model(projects={"prj_a": samples.project("a", live=live)}, histories={"prj_a": History(deployments=[live])})


def test_a_deployment_is_seen_in_its_project_and_its_history() -> None:
    made = model()
    new = samples.deployment("a", 2, state="building")
    assert made.apply(event("deployment", new)) == Owed(project_id="prj_a")
    assert made.projects["prj_a"].latest == new
    assert made.projects["prj_a"].live is not None
    assert [one.number for one in made.histories["prj_a"].deployments] == [2, 1]


def test_an_older_deployment_does_not_become_the_latest() -> None:
    made = model()
    made.apply(event("deployment", samples.deployment("a", 3, state="queued")))
    made.apply(event("deployment", samples.deployment("a", 2, state="superseded")))
    latest = made.projects["prj_a"].latest
    assert latest is not None and latest.number == 3


def test_what_runs_changes_with_its_deployment() -> None:
    made = model()
    made.apply(event("deployment", samples.deployment("a", 1, "another subject", state="live")))
    live = made.projects["prj_a"].live
    assert live is not None and live.subject == "another subject"


def test_a_verdict_told_again_keeps_its_place() -> None:
    made = model()
    for number, outcome in ((1, "queued"), (2, "queued"), (1, "deployed")):
        made.apply(event("verdict", samples.verdict("a", number, outcome, "because", age=1)))
    assert [(one.id, one.outcome) for one in made.verdicts] == [("ver_a_2", "queued"), ("ver_a_1", "deployed")]
    assert made.histories["prj_a"].verdicts == made.verdicts


def test_a_deleted_project_is_gone_with_its_history() -> None:
    made = model()
    assert made.apply(event("project", {"id": "prj_a", "change": "deleted"})) == Owed()
    assert made.projects == {} and made.histories == {}


def test_what_is_told_in_part_is_owed() -> None:
    made = model()
    assert made.apply(event("project", {"change": "changed"})) == Owed(project_id="prj_a")
    assert made.apply(event("github", {"change": "connected"}, None)) == Owed(github=True, projects=True)
    assert made.apply(event("delivery", {"status": "accepted"}, None)) == Owed()
    assert made.apply(event("something newer", {}, None)) == Owed()


def test_verdicts_are_bounded() -> None:
    made = model()
    for number in range(300):
        made.apply(event("verdict", samples.verdict("a", number, "ignored", "because", age=1)))
    assert len(made.verdicts) == 200
    assert made.verdicts[0].id == "ver_a_299"


def test_histories_of_projects_that_went_are_dropped() -> None:
    made = model()
    made.replace_projects([samples.project("b")])
    assert made.histories == {}
    assert made.name_of("prj_b") == "b"
    assert made.name_of(None) == "-"
