"""What visitors reach through the ingress besides apps: the box's own door, by its few paths, and sentences."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.harness import Box, box_in
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
