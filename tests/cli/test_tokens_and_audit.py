"""`token`, `audit` and `openapi` as they are typed."""

from __future__ import annotations

import json

from nanoscale_box.core.audit import Act
from tests.cli.conftest import Type
from tests.web.fake_engine import FakeEngine


async def test_a_tokens_text_is_data_and_shown_once(box: Type) -> None:
    made = await box("token", "create", "ci", "--scope", "deploy")
    assert (made.status, made.out) == (0, "deploy-tok_1\n")
    assert "ci may deploy until it is revoked" in made.err
    listed = await box("token", "list")
    assert "ci" in listed.out and "used never" in listed.out and "deploy-tok_1" not in listed.out
    assert (await box("token", "revoke", "ci")).status == 0
    assert "no token" in (await box("token", "list")).err
    gone = await box("token", "revoke", "ci")
    assert (gone.status, "token list" in gone.err) == (1, True)


async def test_the_audit_as_a_table_as_lines_and_filtered(box: Type, engine: FakeEngine) -> None:
    await engine.audit.note(Act(who="uid:0", action="delete_project", target="prj_1"))
    await engine.audit.note(Act(who="github", action="delivery.accepted", sha=None, detail="[/b]\x1b[2J"))
    told = await box("audit", "--who", "uid:0", "--action", "delete")
    assert told.status == 0 and "delete_project" in told.out and "\x1b" not in told.out
    assert (engine.audit.asked[-1].who, engine.audit.asked[-1].action) == ("uid:0", "delete")
    exported = await box("audit", "--all", "--json")
    assert [json.loads(line)["action"] for line in exported.out.splitlines()] == ["delete_project", "delivery.accepted"]
    assert "whole: 2 entries" in (await box("audit", "--check")).out


async def test_the_description_needs_no_box(typed: Type) -> None:
    told = await typed("openapi")
    assert told.status == 0 and told.data["openapi"] == "3.1.0"
