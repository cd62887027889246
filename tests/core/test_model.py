"""The nouns of the box: frozen, and spelled as the contract spells them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from nanoscale_box.core import github_model, model
from nanoscale_box.core.model import (
    EventKind,
    Outcome,
    Project,
    ProjectId,
    SourceProvider,
    Trigger,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NOUNS = [
    noun
    for module in (model, github_model)
    for noun in vars(module).values()
    if isinstance(noun, type) and dataclasses.is_dataclass(noun) and noun.__module__ == module.__name__
]


@pytest.mark.parametrize("noun", NOUNS)
def test_every_noun_is_frozen_slotted_and_made_by_name(noun: type) -> None:
    parameters = noun.__dataclass_params__  # type: ignore[attr-defined]
    assert parameters.frozen and "__slots__" in vars(noun)
    assert all(field.kw_only for field in dataclasses.fields(noun))


def test_words_are_those_of_the_contract() -> None:
    assert list(Trigger) == ["create", "push", "poll", "sweep", "manual", "rollback"]
    assert list(Outcome) == ["queued", "deployed", "failed", "superseded", "cancelled", "ignored"]
    assert list(EventKind) == ["delivery", "verdict", "deployment", "project", "github"]
    assert list(SourceProvider) == ["manual", "github"]


def test_a_project_is_paused_while_there_is_a_reason() -> None:
    project = Project(
        id=ProjectId("prj_1"),
        name="hello",
        hosts=(),
        source_provider=SourceProvider.MANUAL,
        branch="main",
        created_at=NOW,
        updated_at=NOW,
    )
    assert not project.paused
    assert dataclasses.replace(project, paused_reason="by you").paused
