"""The local door: every route, and every way of asking it wrongly."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from aiohttp import ClientSession

from nanoscale_box.core.errors import Code, Fault, Unavailable
from nanoscale_box.core.secret import Secret
from nanoscale_box.core.settings import SETTINGS, ProjectSettings, changed_settings
from nanoscale_box.engine.records import Page
from nanoscale_box.engine.views import NewProject
from nanoscale_box.web import translate
from nanoscale_box.web.local import BODY_LIMIT
from nanoscale_box.wire import routes, shapes
from tests.web.fake_engine import FakeEngine, FoundThing
from tests.web.samples import project

PROJECT = "/api/projects/hello"
JSON = {"Content-Type": "application/json"}


async def ask(local: ClientSession, method: str, path: str, body: object = None) -> tuple[int, Any]:
    async with local.request(method, path, json=body) as answer:
        content = await answer.read()
        return answer.status, json.loads(content) if content else None


async def refused(local: ClientSession, method: str, path: str, content: bytes) -> dict[str, Any]:
    async with local.request(method, path, data=BytesIO(content), headers=JSON) as answer:
        assert answer.content_type == "application/problem+json"
        problem: dict[str, Any] = json.loads(await answer.read())
        assert problem["status"] == answer.status
        return problem


async def test_projects(local: ClientSession) -> None:
    status, told = await ask(local, "GET", routes.PROJECTS)
    assert (status, told["next_cursor"]) == (200, None)
    project = told["items"][0]
    assert set(project) == set(shapes.Project.__struct_fields__)
    assert project["github"] == {
        "installation_id": 7,
        "repo_id": 42,
        "full_name": "octo/hello",
        "selected_branch": "main",
        "is_private": True,
        "webhook_id": 9_007_199_254_740_993,
    }
    assert project["live"]["queued_at"] == "2026-03-04T05:06:07Z"
    assert (await ask(local, "GET", PROJECT))[1] == project
    assert (await ask(local, "GET", "/api/projects/other"))[0] == 404


async def test_create_from_github(local: ClientSession, engine: FakeEngine) -> None:
    source = {"installation_id": 7, "repo_id": 42, "selected_branch": "main"}
    asked = {"name": "hello", "github_source": source, "env_vars": [{"key": "A", "value": "secret"}]}
    status, told = await ask(local, "POST", routes.PROJECTS, asked)
    assert status == 201
    assert set(told) == {"project", "deployment"}
    assert "secret" not in json.dumps(told)
    kind, new = engine.projects.asked[0]
    assert kind == "create"
    assert isinstance(new, NewProject)
    assert (new.installation_id, new.repo_id, new.selected_branch, new.repo_url) == (7, 42, "main", None)
    assert new.env[0].value == Secret("secret")


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {
            "repo_url": "https://github.com/o/r",
            "github_source": {"installation_id": 1, "repo_id": 2, "selected_branch": "m"},
        },
    ],
)
async def test_both_sources_or_neither(local: ClientSession, asked: dict[str, object]) -> None:
    status, told = await ask(local, "POST", routes.PROJECTS, asked)
    assert (status, told["code"]) == (400, "invalid_source")


async def test_change_passes_on_only_what_is_given(local: ClientSession, engine: FakeEngine) -> None:
    assert (await ask(local, "PATCH", PROJECT, {"build_command": None, "paused": True}))[0] == 200
    assert engine.projects.asked == [("change", {"build_command": None, "paused": True})]


SETTLED = {
    "watch_paths": ["src/**"], "tag_pattern": "v*", "health_path": "/up", "health_status": "200-299",
    "health_timeout_seconds": 5, "health_grace_seconds": 0, "stop_seconds": 7, "memory_mb": 256, "cpu_percent": 150,
    "tasks_max": 64, "build_timeout_seconds": 60, "build_memory_mb": 1024, "preflight_command": "migrate",
    "release_command": "warm",
}  # fmt: skip


async def test_settings_go_in_by_their_names_and_come_out_by_them(local: ClientSession, engine: FakeEngine) -> None:
    assert set(SETTLED) == set(SETTINGS)
    asked = {"repo_url": "https://github.com/o/r", "branch": "main", **SETTLED}
    assert (await ask(local, "POST", routes.PROJECTS, asked))[0] == 201
    assert (await ask(local, "PATCH", PROJECT, dict.fromkeys(SETTLED)))[0] == 200
    (_, new), (_, changed) = engine.projects.asked
    assert isinstance(new, NewProject)
    assert new.settings == SETTLED
    assert changed == dict.fromkeys(SETTLED)
    assert (await ask(local, "PATCH", PROJECT, {"memory": 1}))[0] == 400
    shown = (await ask(local, "GET", PROJECT))[1]
    assert {name: shown[name] for name in SETTLED} == dict.fromkeys(SETTLED)
    settled = replace(project(), settings=changed_settings(ProjectSettings(), SETTLED))
    told = translate.project(replace(engine.projects.view(), project=settled))
    assert {name: getattr(told, name) for name in SETTLED} == SETTLED


async def test_deploying(local: ClientSession, engine: FakeEngine) -> None:
    assert await ask(local, "POST", f"{PROJECT}/redeploy") == (202, {"deployment": None})
    status, told = await ask(local, "POST", f"{PROJECT}/redeploy", {"clear_cache": True})
    assert (status, told["deployment"]["id"]) == (202, "dep_1")
    assert (await ask(local, "POST", f"{PROJECT}/rollback", {"deployment_id": "dep_1"}))[0] == 202
    assert await ask(local, "POST", f"{PROJECT}/resume") == (202, {"deployment": None})
    assert [what for what in engine.projects.asked if what[0] == "rollback"] == [("rollback", "dep_1")]
    assert (await ask(local, "GET", "/api/deployments/dep_1"))[1]["number"] == 1
    assert (await ask(local, "POST", "/api/deployments/dep_1/cancel"))[1]["state"] == "cancelled"
    assert (await ask(local, "GET", "/api/deployments/dep_9"))[0] == 404
    assert await ask(local, "DELETE", PROJECT) == (204, None)
    assert await ask(local, "POST", routes.DOWN) == (204, None)


async def test_lists_are_pages(local: ClientSession, engine: FakeEngine) -> None:
    status, told = await ask(local, "GET", f"{PROJECT}/deployments?limit=7&cursor=abc")
    assert (status, told["next_cursor"], len(told["items"])) == (200, "more", 1)
    assert engine.projects.asked == [("deployments", Page(limit=7, cursor="abc"))]
    assert (await ask(local, "GET", f"{PROJECT}/verdicts"))[1]["items"][0]["id"] == "ver_1"
    assert (await ask(local, "GET", routes.VERDICTS))[0] == 200
    assert [who for what, who in engine.projects.asked if what == "verdicts"] == ["hello", None]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=-1",
        "limit=1e2",
        "limit=%D9%A1",
        "limit=1&limit=2",
        "lmit=3",
        "cursor=%00",
        "limit=" + "9" * 5000,
        "cursor=" + "x" * 513,
    ],
)
async def test_wrong_queries_are_named(local: ClientSession, query: str) -> None:
    status, told = await ask(local, "GET", f"{PROJECT}/deployments?{query}")
    assert (status, told["code"]) == (400, "invalid")


async def test_environment_values_go_in_and_never_out(local: ClientSession, engine: FakeEngine) -> None:
    asked = {"env_vars": [{"key": "A", "value": "secret"}, {"key": "B"}]}
    status, told = await ask(local, "PUT", f"{PROJECT}/env", asked)
    assert (status, [one["key"] for one in told["items"]]) == (200, ["A", "B"])
    assert engine.projects.asked == [("replace_env", [("A", Secret("secret")), ("B", None)])]
    assert "secret" not in json.dumps(told)
    assert set((await ask(local, "GET", f"{PROJECT}/env"))[1]["items"][0]) == {"key", "updated_at"}


async def test_a_plan_can_be_seen(local: ClientSession) -> None:
    status, told = await ask(local, "GET", f"{PROJECT}/plan")
    assert status == 200
    assert told["commands"] == [{"name": "install", "command": "npm ci"}, {"name": "run", "command": "npm start"}]
    assert (told["kind"], told["missing"], told["health_path"]) == ("node", ["npm"], "/")


async def test_a_plan_of_what_is_not_made_yet(local: ClientSession, engine: FakeEngine) -> None:
    asked = {"repo_url": "https://github.com/ada/hello", "branch": "main", "root_directory": "web"}
    status, told = await ask(local, "POST", routes.PLAN, asked)
    assert (status, told["kind"]) == (200, "node")
    ((name, new),) = engine.projects.asked
    assert (name, new.repo_url, new.root_directory) == ("plan_anew", asked["repo_url"], "web")  # type: ignore[attr-defined]
    assert not engine.audit.acts, "what only looks is not noted"
    status, told = await ask(local, "POST", routes.PLAN, {"branch": "main"})
    assert (status, told["code"]) == (400, "invalid_source")


async def test_what_an_app_keeps_can_be_seen(local: ClientSession) -> None:
    status, told = await ask(local, "GET", f"{PROJECT}/data")
    assert (status, told["bytes"], told["whole"]) == (200, 2_500_000, True)


async def test_github(local: ClientSession, engine: FakeEngine) -> None:
    state = (await ask(local, "GET", routes.GITHUB_STATUS))[1]
    assert set(state) == set(shapes.GithubStatus.__struct_fields__)
    assert state["installations"][0]["missing_permissions"] == ["contents: read"]
    assert (await ask(local, "GET", routes.INSTALLATIONS))[1]["items"] == state["installations"]
    status, told = await ask(local, "POST", routes.START)
    assert status == 200
    assert told["redirect_url"].startswith("https://github.test/")
    assert (await ask(local, "POST", routes.APP, {"organization": "acme"}))[0] == 200
    assert (await ask(local, "POST", routes.REPOS_SYNC, {"installation_id": 7})) == (202, None)
    assert (await ask(local, "POST", routes.DISCONNECT)) == (204, None)
    caller = engine.accounts.asked[0][1]
    assert isinstance(caller, str)
    assert caller.startswith("uid:")
    assert engine.accounts.asked[1] == (caller, "acme")


async def test_repositories_and_branches(local: ClientSession, engine: FakeEngine) -> None:
    status, told = await ask(local, "GET", f"{routes.REPOS}?installation_id=7&query=he%20llo&limit=3")
    assert (status, told["items"][0]["project_ids"]) == (200, ["prj_1"])
    assert set(told["items"][0]) == set(shapes.Repository.__struct_fields__)
    assert engine.accounts.asked == [("repositories", (7, "he llo", Page(limit=3)))]
    status, told = await ask(local, "GET", f"{routes.REPOS}/42/branches?query=ma")
    assert (status, told["items"]) == (200, [{"name": "main", "sha": "a" * 40, "default": True}])
    for wrong in ("0", "-1", "x", "9" * 19, "9" * 5000, "%20", "1.0"):
        assert (await ask(local, "GET", f"{routes.REPOS}/{wrong}/branches"))[0] == 400
    assert (await ask(local, "GET", f"{routes.REPOS}?installation_id=true"))[0] == 400


async def test_the_browser_comes_back_where_the_settings_say(local: ClientSession, engine: FakeEngine) -> None:
    assert (await ask(local, "POST", routes.START))[0] == 200
    assert (await ask(local, "POST", routes.START, {"return_to": "http://127.0.0.1:8787/"}))[0] == 400
    assert [what for what, _ in engine.accounts.asked] == ["connect"]


async def test_session_and_doctor(local: ClientSession, engine: FakeEngine) -> None:
    me = {"user_id": "usr_1", "via": "socket", "caller": f"uid:{os.getuid()}", "version": "0.1"}
    assert (await ask(local, "GET", routes.SESSION))[1] == me
    assert (await ask(local, "GET", routes.DOCTOR))[1]["ok"] is True
    engine.doctor.findings.append(FoundThing("clock", "fail"))
    assert (await ask(local, "GET", routes.DOCTOR))[1]["ok"] is False


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "not JSON"),
        (b"[", "expected an object, got a list"),
        (b"null", "expected an object, got null"),
        (b'{"name": 5}', "name: expected text or null, got a whole number"),
        (b'{"nmae": "x"}', "unknown field `nmae`"),
        (
            b'{"github_source": {"installation_id": 1, "repo_id": 9223372036854775808, "selected_branch": "m"}}',
            "repo_id",
        ),
        (b'{"github_source": {"installation_id": true, "repo_id": 1, "selected_branch": "m"}}', "installation_id"),
        (b'{"github_source": {"installation_id": 1}}', "missing required field `repo_id`"),
        (b'{"github_source": {"installation_id": 1e999, "repo_id": 1, "selected_branch": "m"}}', ""),
        (b'{"github_source": {"installation_id": ' + b"9" * 5000 + b"}}", ""),
        (b'{"name": NaN}', ""),
        (b'{"name": "\\ud800"}', ""),
        (b'{"name": "\xff"}', ""),
        (b"[" * 200_000, ""),
        (b'{"domains": ' + b"[" * 200_000, ""),
        (b'{"x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", ""),
    ],
)
async def test_wrong_bodies_are_400_with_the_field(
    local: ClientSession, engine: FakeEngine, content: bytes, said: str
) -> None:
    problem = await refused(local, "POST", routes.PROJECTS, content)
    assert (problem["status"], problem["code"]) == (400, "invalid")
    assert said in problem["detail"]
    assert engine.projects.asked == []


async def test_a_large_body_is_413(local: ClientSession) -> None:
    problem = await refused(local, "PUT", f"{PROJECT}/env", b" " * (BODY_LIMIT + 1))
    assert (problem["status"], problem["code"]) == (413, "too_large")


async def test_a_body_that_is_not_declared_json_is_415(local: ClientSession) -> None:
    async with local.post(routes.PROJECTS, data={"name": "x"}) as answer:
        assert answer.status == 415
    async with local.post(routes.PROJECTS, data=b"{}", headers=JSON | {"Content-Encoding": "gzip"}) as answer:
        assert answer.status == 415


async def test_unknown_addresses_and_methods_are_problems(local: ClientSession) -> None:
    assert (await refused(local, "GET", "/api/nothing", b""))["code"] == "not_found"
    assert (await refused(local, "POST", routes.WEBHOOK, b"{}"))["code"] == "not_found"
    async with local.put(routes.PROJECTS) as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET, POST"


@pytest.mark.parametrize("name", ["..%2f..%2fetc", "%00", "%ff", "%ED%A0%80", "a%2Fb", "x" * 5000])
async def test_odd_ids_are_not_found(local: ClientSession, name: str) -> None:
    async with local.get(f"http://box/api/projects/{name}") as answer:
        assert answer.status == 404


async def test_retry_after_is_told(local: ClientSession, engine: FakeEngine) -> None:
    engine.projects.fault = Unavailable(Code.GITHUB_RATE_LIMITED, "limit", fault=Fault.GITHUB, retry_after=12.2)
    async with local.get(routes.PROJECTS) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "13")


async def test_a_defect_is_logged_once_and_told_by_id(
    local: ClientSession, engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.projects.fault = RuntimeError("the inner secret")
    status, told = await ask(local, "GET", routes.PROJECTS)
    logged = capsys.readouterr().out
    assert (status, told["code"]) == (500, "internal")
    assert "secret" not in json.dumps(told)
    error_id = told["hint"].split("under ")[1].split(",")[0]
    assert logged.count(error_id) == 1
    assert (await ask(local, "GET", PROJECT))[0] == 200
