"""The API answers everything its own document allows, and much that it does not, with what that document says."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from nanoscale_box.sandbox.server import Sandbox
from nanoscale_box.wire.operations import OPERATIONS
from nanoscale_box.wire.requests import CreateToken
from tests.e2e.harness import CHECKOUT, Box, app_files, repository
from tests.ports import free_port
from tests.size import LARGE, SIZE

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240 + 60 * SIZE)]

LEFT_OUT = {"stop_everything"}
"""What would end the app that the other questions are about."""
REFUSED = {
    "start_connecting", "sync_repositories", "list_branches", "rotate_webhook_secrets", "rollback", "cancel_deployment",
}  # fmt: skip
"""What may be refused each time, rightly: no account is connected, there is one release, and nothing to cancel."""
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "negative_data_rejection", "unsupported_method", "ignored_auth",
)  # fmt: skip
"""All but those that take a request for right because its types are: no type says which hosts may be cloned from."""
SETTINGS = """
[phases.coverage]
unexpected-methods = ["PUT", "TRACE"]
"""
SMALLER = """
# It takes what create_project takes.
[[operations]]
include-operation-id = "preview_new_plan"
phases.coverage.enabled = false
"""


async def test_every_answer_is_documented_and_none_is_a_defect(box: Box, sandbox: Sandbox, tmp_path: Path) -> None:
    url = await repository(sandbox, "site", app_files("one"))
    api = f"127.0.0.1:{free_port()}"
    await box.start(NANOSCALE_API_LISTEN=api, NANOSCALE_POLL_SECONDS="3600")
    live, doomed = await box.create(url, name="site"), await box.create(url, name="doomed")
    assert (live.state, doomed.state) == ("live", "live")
    async with box.client() as client:
        made = await client.create_token(CreateToken(name="asking", scope="admin"))
    kept = {"project_id": ["site", live.project_id], "token_id": [made.token.id]}
    given = {"project_id": ["doomed", doomed.project_id], "token_id": ["tok_none"]}
    (tmp_path / "noted.json").write_text(json.dumps({"kept": kept, "doomed": given}))
    described = json.loads((await box.command("openapi")).stdout)
    there = {name: [*kept[name], *given[name]] for name in kept} | {"deployment_id": [live.id, doomed.id]}
    (tmp_path / "openapi.json").write_text(json.dumps(_with_what_is_there(described, there, url)))

    status, told = await _asked(tmp_path, f"http://{api}", made.text)

    assert status == 0, told
    assert "request.failed" not in box.log
    answers = [line.split() for line in (tmp_path / "answers").read_text().splitlines()]
    asked = {one.id for one in OPERATIONS} - LEFT_OUT
    assert {operation for operation, _ in answers} == asked
    assert asked - {operation for operation, status in answers if int(status) < 400} <= REFUSED
    async with box.client() as client:
        assert (await client.project("site")).state == "live"


def _with_what_is_there(described: dict[str, Any], there: dict[str, list[str]], url: str) -> dict[str, Any]:
    """The document, in which addresses mostly name things that exist, and a project has a source that can be had."""
    for methods in described["paths"].values():
        for operation in methods.values():
            for parameter in operation["parameters"]:
                if parameter["in"] == "path" and (values := there.get(parameter["name"])):
                    parameter["schema"] = {"anyOf": [{"enum": values}, parameter["schema"]]}
            if operation["operationId"] in {"create_project", "preview_new_plan"}:
                example = {"name": "made", "repo_url": url, "branch": "main"}
                operation["requestBody"]["content"]["application/json"]["example"] = example
    return described


async def _asked(folder: Path, url: str, token: str) -> tuple[int, str]:
    """Ask by all phases; the exit status, and what was told. At the usual size the questions are the same each time."""
    (folder / "schemathesis.toml").write_text(SETTINGS + ("" if LARGE else SMALLER))
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "HOME"}}
    told = {"PYTHONPATH": str(CHECKOUT), "SCHEMATHESIS_HOOKS": "tests.e2e.asking"}
    words = (
        "run", "openapi.json", "--url", url, "--header", f"Authorization: Bearer {token}",
        "--phases", "examples,coverage,fuzzing,stateful", "--checks", ",".join(CHECKS),
        "--max-examples", str(2 * SIZE), "--no-shrink", "--continue-on-failure", "--request-timeout", "20",
        "--exclude-operation-id", *LEFT_OUT, "--warnings", "off", "--no-color",
        *(() if LARGE else ("--seed", "226876732582539133353268862076412442765")),
    )  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")),
        *words,
        cwd=folder,
        env={**kept, **told, "ASKING": "noted.json", "ANSWERS": "answers"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(errors="replace")
