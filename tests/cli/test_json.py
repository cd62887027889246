"""`--json`: data is the API's own body, problems are documents on standard error, and nothing else is printed."""

from __future__ import annotations

import json

import pytest
from aiohttp import ClientSession

from nanoscale_box.core.errors import Code, Fault, Unavailable
from nanoscale_box.engine.views import NewProject
from nanoscale_box.wire import routes
from tests.cli.conftest import Type
from tests.web.fake_engine import FakeEngine

PROJECT = "/api/projects/hello"


@pytest.mark.parametrize(
    ("words", "path"),
    [
        ("projects list", routes.PROJECTS),
        ("projects show hello", PROJECT),
        ("deployments hello", f"{PROJECT}/deployments"),
        ("why hello", f"{PROJECT}/verdicts"),
        ("why", routes.VERDICTS),
        ("env list hello", f"{PROJECT}/env"),
        ("github status", routes.GITHUB_STATUS),
        ("github repos", routes.REPOS),
        ("github branches octo/hello", f"{routes.REPOS}/42/branches"),
        ("doctor", routes.DOCTOR),
        ("usage", routes.USAGE),
        ("token list", routes.TOKENS),
        ("audit", routes.AUDIT),
        ("audit --check", routes.AUDIT_CHECK),
    ],
)
async def test_a_body_is_passed_on_unchanged(box: Type, api: ClientSession, words: str, path: str) -> None:
    async with api.get(path) as answer:
        body = await answer.text()
    told = await box(*words.split(), "--json")
    assert (told.status, told.out, told.err) == (0, f"{body}\n", "")


async def test_the_plan_too_though_a_missing_tool_fails_it(box: Type, api: ClientSession) -> None:
    async with api.get(f"{PROJECT}/plan") as answer:
        body = await answer.text()
    told = await box("projects", "plan", "hello", "--json")
    assert (told.status, told.out, told.err) == (1, f"{body}\n", "")


async def test_status_is_both_of_its_bodies(box: Type, api: ClientSession) -> None:
    async with api.get(routes.GITHUB_STATUS) as github, api.get(routes.PROJECTS) as projects:
        expected = {"github": await github.json(), "projects": (await projects.json())["items"]}
    assert (await box("status", "--json")).data == expected


@pytest.mark.parametrize("words", ["deploy hello --clear-cache", "deploy hello", "rollback hello", "resume hello"])
async def test_orders_give_the_deployment_and_do_not_wait(box: Type, words: str) -> None:
    told = await box(*words.split(), "--json")
    assert (told.status, set(told.data), told.err) == (0, {"deployment"}, "")


@pytest.mark.parametrize("words", ["pause hello", "projects set hello --branch main"])
async def test_changes_give_the_project(box: Type, words: str) -> None:
    told = await box(*words.split(), "--json")
    assert (told.status, told.data["name"]) == (0, "hello")


async def test_create_gives_both(box: Type, engine: FakeEngine) -> None:
    told = await box("projects", "create", "--repo", "octo/hello", "--env", "A=b=c", "--json")
    assert set(told.data) == {"project", "deployment"}
    kind, asked = engine.projects.asked[0]
    assert kind == "create" and isinstance(asked, NewProject)
    assert [(one.key, one.value.reveal()) for one in asked.env] == [("A", "b=c")]


@pytest.mark.parametrize("words", ["github connect --no-browser", "github connect"])
async def test_connect_gives_the_address_and_does_not_wait(box: Type, words: str) -> None:
    told = await box(*words.split(), "--json")
    assert {"redirect_url", "expires_at"} <= set(told.data)


@pytest.mark.parametrize("words", ["down", "github disconnect --yes", "projects delete hello --confirm hello"])
async def test_what_has_no_body_gives_no_data(box: Type, words: str) -> None:
    told = await box(*words.split(), "--json")
    assert (told.status, told.out) == (0, "")


async def test_a_log_is_a_line_each(box: Type, engine: FakeEngine) -> None:
    engine.logs.lines, engine.logs.complete = ["one", "two \x1b[2J"], True
    told = await box("logs", "hello", "--json")
    assert [json.loads(line)["text"] for line in told.out.splitlines()] == ["one", "two \x1b[2J"]


async def test_refusals_are_the_boxs_own_documents(box: Type, api: ClientSession) -> None:
    async with api.get("/api/projects/other") as answer:
        body = await answer.text()
    told = await box("projects", "show", "other", "--json")
    assert (told.status, told.out, told.err) == (1, "", f"{body}\n")


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        ("projects create", 2, "invalid_source"),
        ("env set hello", 2, "invalid"),
        ("env set hello A", 2, "invalid"),
        ("env unset hello NOPE", 1, "not_found"),
        ("projects set hello", 2, "invalid"),
        ("projects create --repo octo/none", 1, "repository_unknown"),
        ("rollback hello --to x", 2, "invalid"),
        ("github disconnect", 2, "invalid"),
    ],
)
async def test_mistakes_are_documents_too(box: Type, words: str, status: int, code: str) -> None:
    told = await box(*words.split(), "--json")
    assert (told.status, told.out, told.problem["code"]) == (status, "", code)
    assert told.problem["hint"]


async def test_an_unreachable_box_is_one(nowhere: object, typed: Type) -> None:
    told = await typed("status", "--json")
    assert (told.status, told.out, told.problem["code"]) == (69, "", "daemon_unreachable")


async def test_trouble_of_the_box_is_one(box: Type, engine: FakeEngine) -> None:
    engine.projects.fault = Unavailable(Code.DISK_FULL, "the disk is full", hint="free some space", fault=Fault.BOX)
    told = await box("projects", "list", "--json")
    assert (told.status, told.problem["status"], told.problem["hint"]) == (1, 503, "free some space")
