"""Fixtures: a sandbox on a free port, somebody to call it, and a registered, installed App."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from nanoscale_box.sandbox import Sandbox
from nanoscale_box.sandbox.model import App, Installation
from tests.sandbox.actors import MANIFEST, Client, Receiver, Walker, app_jwt, installation_token, receiver, shared_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """An App on ada's account, covering everything, whose hook goes to `inbox`."""

    client: Client
    app: App
    installation: Installation
    inbox: Receiver

    @property
    def jwt(self) -> str:
        return app_jwt(self.app, self.client.sandbox.clock.now().timestamp())

    async def token(self, **order: object) -> str:
        return await installation_token(self.client, self.app, self.installation, **order)


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with Sandbox(home=tmp_path / "sandbox") as found:
        yield found


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Client(sandbox=sandbox, session=session)


@pytest.fixture
def walker(client: Client) -> Walker:
    return Walker(client=client)


@pytest.fixture
async def inbox() -> AsyncIterator[Receiver]:
    async with receiver() as found:
        yield found


@pytest.fixture
async def connected(client: Client, inbox: Receiver) -> Connected:
    sandbox = client.sandbox
    app = await sandbox.register_app({**MANIFEST, "hook_attributes": {"url": f"{inbox.url}/app"}}, keys=shared_keys())
    installation = sandbox.install(app)
    await sandbox.settled()
    inbox.received.clear()
    return Connected(client=client, app=app, installation=installation, inbox=inbox)
