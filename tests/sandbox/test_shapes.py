"""The sandbox's answers against what GitHub's OpenAPI description requires of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from nanoscale_box.sandbox.registering import new_manifest_code
from tests.sandbox.actors import MANIFEST, Client, Data, Receiver, app_jwt, basic, installation_token
from tests.sandbox.shapes import ANSWERS, SHAPES, faults

RIGHTS = {
    "contents": "read",
    "repository_hooks": "write",
    "statuses": "write",
    "checks": "write",
    "deployments": "write",
}


@dataclass(slots=True, kw_only=True)
class Collector:
    """Makes each call of the fixture once and keeps what came back."""

    client: Client
    inbox: Receiver
    answers: dict[str, Data] = field(default_factory=dict)

    async def keep(self, operation: str, path: str, token: str = "", **rest: Data) -> Data:
        method = operation.split(maxsplit=1)[0]
        reply = await self.client.call(method if method != "refused" else "POST", path, token, **rest)
        assert operation.startswith("refused") or reply.status < 300, f"{operation}: {reply.text}"
        self.answers[operation] = reply.json
        return reply.json


@pytest.fixture
async def collected(client: Client, inbox: Receiver) -> dict[str, Data]:
    collector = Collector(client=client, inbox=inbox)
    sandbox = client.sandbox
    manifest = {**MANIFEST, "default_permissions": RIGHTS, "hook_attributes": {"url": f"{inbox.url}/app"}}
    app = await sandbox.register_app(manifest)
    installation = sandbox.install(app)
    await sandbox.settled()
    jwt = app_jwt(app, sandbox.clock.now().timestamp())
    token = await installation_token(client, app, installation)
    await collect_repository(collector, token)
    await collect_feedback(collector, token)
    await collect_hooks(collector, token)
    user = (await client.control("POST", "authorizations", {"app": app.slug})).json["access_token"]
    await collect_person(collector, user, installation.id)
    checked: dict[str, Data] = {"json": {"access_token": user}, "headers": basic(app.client_id, app.client_secret)}
    await collector.keep("POST /applications/{client_id}/token", f"/applications/{app.client_id}/token", **checked)
    await collector.keep("GET /installation/repositories", "/installation/repositories", token)
    for tail in ("", "/installations", "/hook/config", "/hook/deliveries"):
        await collector.keep(f"GET /app{tail}", f"/app{tail}", jwt)
    delivery = collector.answers["GET /app/hook/deliveries"][0]["id"]
    await collector.keep("GET /app/hook/deliveries/{id}", f"/app/hook/deliveries/{delivery}", jwt)
    path = f"/app/installations/{installation.id}"
    await collector.keep("GET /app/installations/{id}", path, jwt)
    order: dict[str, Data] = {"json": {"repository_ids": [700_000_001]}}
    await collector.keep("POST /app/installations/{id}/access_tokens", f"{path}/access_tokens", jwt, **order)
    await collect_events(collector, app.slug, installation.id)
    return collector.answers


async def collect_repository(collector: Collector, token: str) -> None:
    repo, pattern = "/repos/ada/hello", "GET /repos/{owner}/{repo}"
    for tail, real in (
        ("", ""),
        ("/branches", "/branches"),
        ("/branches/{branch}", "/branches/main"),
        ("/git/ref/{ref}", "/git/ref/heads/main"),
        ("/git/matching-refs/{ref}", "/git/matching-refs/heads"),
        ("/git/trees/{ref}", "/git/trees/main"),
        ("/commits", "/commits"),
        ("/commits/{ref}", "/commits/feature/x"),
        ("/compare/{basehead}", "/compare/main...feature/x"),
        ("/contents/{path}", "/contents/app.py"),
    ):
        await collector.keep(pattern + tail, repo + real, token)
    for path in ("/rate_limit", "/meta", "/users/ada"):
        await collector.keep(f"GET {path.replace('ada', '{login}')}", path, token)
    await collector.keep("refused 404", "/repos/ada/nothing", token)
    manifest = await collector.client.sandbox.register_app({**MANIFEST, "name": "for its secrets"})
    code = new_manifest_code(collector.client.sandbox.world, manifest)
    await collector.keep("POST /app-manifests/{code}/conversions", f"/app-manifests/{code}/conversions")


async def collect_feedback(collector: Collector, token: str) -> None:
    repo, pattern = "/repos/ada/hello", "/repos/{owner}/{repo}"
    sha = collector.answers[f"GET {pattern}/commits"][0]["sha"]
    order: dict[str, Data] = {"json": {"state": "success"}}
    await collector.keep(f"POST {pattern}/statuses/{{sha}}", f"{repo}/statuses/{sha}", token, **order)
    await collector.keep(f"GET {pattern}/commits/{{ref}}/status", f"{repo}/commits/main/status", token)
    await collector.client.call("POST", f"{repo}/check-runs", token, json={"name": "ci", "head_sha": sha})
    await collector.keep(f"GET {pattern}/commits/{{ref}}/check-runs", f"{repo}/commits/main/check-runs", token)
    order = {"json": {"ref": "main"}}
    made = await collector.keep(f"POST {pattern}/deployments", f"{repo}/deployments", token, **order)
    order = {"json": {"state": "success"}}
    path = f"{repo}/deployments/{made['id']}/statuses"
    await collector.keep(f"POST {pattern}/deployments/{{id}}/statuses", path, token, **order)


async def collect_hooks(collector: Collector, token: str) -> None:
    repo, pattern = "/repos/ada/hello/hooks", "/repos/{owner}/{repo}/hooks"
    order: dict[str, Data] = {"json": {"config": {"url": f"{collector.inbox.url}/repo", "content_type": "json"}}}
    hook = await collector.keep(f"POST {pattern}", repo, token, **order)
    await collector.client.sandbox.settled()
    await collector.keep("refused 422", repo, token, **order)
    await collector.keep(f"GET {pattern}", repo, token)
    await collector.keep(f"GET {pattern}/{{id}}", f"{repo}/{hook['id']}", token)
    await collector.keep(f"GET {pattern}/{{id}}/deliveries", f"{repo}/{hook['id']}/deliveries", token)


async def collect_person(collector: Collector, token: str, installation_id: int) -> None:
    await collector.keep("GET /user", "/user", token)
    await collector.keep("GET /user/installations", "/user/installations", token)
    path = f"/user/installations/{installation_id}/repositories"
    await collector.keep("GET /user/installations/{id}/repositories", path, token)


async def collect_events(collector: Collector, slug: str, installation_id: int) -> None:
    client = collector.client
    await client.sandbox.push("ada/hello", files={"page.txt": "v2\n"})
    await client.control("POST", "repos/700000001", {"rename": "bonjour"})
    await client.control("POST", f"installations/{installation_id}", {"action": "select", "repos": ["bonjour"]})
    await client.control("DELETE", "authorizations", {"app": slug})
    await client.sandbox.settled()
    for operation in ANSWERS:
        if operation.startswith("event "):
            collector.answers[operation] = collector.inbox.of(operation.removeprefix("event "))[0].payload


async def test_every_answer_has_the_required_keys(collected: dict[str, Data]) -> None:
    assert collected.keys() == ANSWERS.keys()
    wrong = {operation: faults(collected[operation], kind) for operation, kind in ANSWERS.items()}
    assert {operation: some for operation, some in wrong.items() if some} == {}


def test_the_comparison_finds_what_is_missing_and_what_is_of_another_type() -> None:
    assert faults({"message": "x"}, "validation_error") == [".documentation_url: missing"]
    assert faults({"name": 1, "protected": "no", "commit": None}, "branch_short") != []
    assert faults([1, "2"], "[integer]") == ["[1]: '2' is no integer"]
    assert faults("today", "time|null") == [": 'today' is no time"]
    assert faults(None, "time|null") == []
    assert faults(True, "integer") != []


def test_shapes_are_sorted_and_every_name_is_known() -> None:
    assert all(one < other for one, other in pairwise(SHAPES))
    plain = {"string", "time", "integer", "number", "boolean", "null", "object", "any"}
    for shape in SHAPES.values():
        for kind in shape:
            names = {choice.strip("[]") for choice in kind.split("|") if not choice.startswith("=")}
            assert names <= plain | SHAPES.keys()
