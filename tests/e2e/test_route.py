"""What visitors reach through the ingress besides apps: the box's own door, by its few paths, and sentences."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.sandbox.server import Sandbox
from tests.e2e.harness import SERVER, Box, app_files, box_in, repository
from tests.e2e.processes import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    """A box with a public host."""
    async with box_in(tmp_path, NANOSCALE_PUBLIC_BASE_URL="https://box.example.org") as one:
        await one.start()
        await until(lambda: listens(one), "the ingress")
        yield one


def listens(box: Box) -> bool:
    """Whether somebody serves visitors."""
    host, _, port = box.settings["NANOSCALE_INGRESS_LISTEN"].rpartition(":")
    with socket.socket() as one:
        return one.connect_ex((host, int(port))) == 0


async def test_one_port_carries_the_boxs_own_door_and_the_apps(box: Box) -> None:
    assert await box.page("box.example.org", "/healthz") == (200, '{"status":"ok"}')
    assert (await box.page("box.example.org", "/integrations/github"))[0] == 200
    port = box.settings["NANOSCALE_INGRESS_LISTEN"].rpartition(":")[2]
    webhook = f"http://127.0.0.1:{port}/api/integrations/github/webhook"
    headers = {"Host": "box.example.org", "Content-Type": "application/json"}
    async with box.http.post(webhook, headers=headers, data=b"{}") as answer:
        assert answer.status in {400, 401}, "the webhook itself refuses what is not signed"
    for path in ("/", "/api/projects", "/api/doctor", "/api/integrations/github/status"):
        assert (await box.page("box.example.org", path))[0] == 404, path
    assert (await box.page("nobody.example.org", "/healthz"))[0] == 404


MORTAL = SERVER.replace("do_GET(self):\n", "do_GET(self):\n        if self.path == '/die':\n            os._exit(3)\n")
"""An app that ends when it is asked to."""


async def test_an_app_that_keeps_ending_comes_back_and_is_told(tmp_path: Path, sandbox: Sandbox) -> None:
    async with box_in(tmp_path, sandbox) as box:
        url = await repository(sandbox, "mortal", {**app_files("alive"), "app.py": MORTAL})
        await box.start()
        done = await box.create(url, name="mortal")
        assert done.state == "live", done.error
        for _ in range(3):
            assert (await box.page("mortal.localhost", "/die"))[0] == 502
            await answers(box, "mortal.localhost", "alive")
        told = await box.command("status")
        assert "mortal: the app has ended by itself 3 times within 10 minutes" in told.stdout
        assert "rollback mortal" in told.stdout
        looked = await box.command("doctor", "--json")
        assert looked.returncode == 1
        assert "app" in [one["code"] for one in json.loads(looked.stdout)["findings"] if one["status"] == "fail"]
        await sandbox.push("ada/mortal", files={"page.txt": "mended"})
        again = await box.redeploy("mortal")
        assert again.state == "live", again.error
        assert "ended by itself" not in (await box.command("status")).stdout
        back = await box.command("rollback", "mortal")
        assert back.returncode == 0, back.stderr
        await answers(box, "mortal.localhost", "alive")
        resumed = await box.command("resume", "mortal")
        assert f"will deploy {(again.sha or '')[:7]}" in resumed.stdout + resumed.stderr


async def answers(box: Box, host: str, text: str) -> None:
    """Wait until a host answers so."""

    async def look(client: BoxClient) -> bool | None:
        return await box.page(host) == (200, text) or None

    await box.seen(look, f"{host} says {text}")
