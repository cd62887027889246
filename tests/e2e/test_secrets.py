"""After a whole journey, no token and no secret lies or lay anywhere in clear: files, logs, arguments, environments."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import TypeVar

import aiohttp
import pytest

from nanoscale_box.demo.browser import Browser
from nanoscale_box.demo.journey import HOST, PROJECT, Journey
from nanoscale_box.demo.run import ALL_STEPS, SET_UP
from nanoscale_box.demo.world import World
from nanoscale_box.sandbox import model
from nanoscale_box.sandbox.server import Sandbox
from nanoscale_box.wire.requests import KeepOrSet
from tests.e2e.harness import Box
from tests.e2e.processes import family_of, told_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

K = TypeVar("K")
V = TypeVar("V")
OWN_VARIABLE = "a password of the owner's, 29c1"


class Noting(dict[K, V]):
    """A table that remembers what was ever put into it."""

    def __init__(self) -> None:
        super().__init__()
        self.ever: list[tuple[K, V]] = []

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.ever.append((key, value))


async def test_no_secret_in_clear(box: Box, sandbox: Sandbox, tmp_path: Path) -> None:
    state = sandbox.state
    state.installation_tokens = installation_tokens = Noting[str, model.InstallationToken]()
    state.user_tokens = user_tokens = Noting[str, model.UserToken]()
    state.oauth_codes = codes = Noting[str, model.OAuthCode]()
    state.manifest_codes = manifest_codes = Noting[str, model.ManifestCode]()
    state.hooks = hooks = Noting[model.HookId, model.RepoHook]()
    state.apps = apps = Noting[model.AppId, model.App]()
    public = f"http://{box.settings['NANOSCALE_LISTEN']}"
    await box.start(NANOSCALE_PUBLIC_BASE_URL=public, NANOSCALE_DEBOUNCE_SECONDS="0.5")
    with watching(box.pid) as seen:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http,
            box.client() as client,
            Browser() as browser,
        ):
            port = int(box.settings["NANOSCALE_INGRESS_LISTEN"].rpartition(":")[2])
            made = World(
                folder=tmp_path, sandbox_url=sandbox.url, socket=box.socket, ingress_port=port, http=http,
                client=client, left=[],
            )  # fmt: skip
            journey = Journey(world=made, browser=browser)
            await walked(journey, SET_UP)
            await client.replace_env(PROJECT, [KeepOrSet(key="PASSWORD", value=OWN_VARIABLE)])
            await walked(journey, [step for step in ALL_STEPS if step not in SET_UP][:-1])
            assert (await made.page(HOST))[0] == 200
            secrets = {f"{kind} {number}": text for kind, texts in {
                "installation token": [key for key, _ in installation_tokens.ever],
                "user token": [one.token for _, one in user_tokens.ever],
                "refresh token": [one.refresh_token for _, one in user_tokens.ever],
                "OAuth code": [key for key, _ in codes.ever],
                "manifest code": [key for key, _ in manifest_codes.ever],
                "client secret": [one.client_secret for _, one in apps.ever],
                "App's webhook secret": [one.hook.secret or "" for _, one in apps.ever],
                "repository's webhook secret": [one.config.secret or "" for _, one in hooks.ever],
                "private key": [one.private_pem.splitlines()[3] for _, one in apps.ever],
            }.items() for number, text in enumerate(texts)}  # fmt: skip
            kinds = {name.rpartition(" ")[0] for name in secrets}
            assert len(kinds) == 9, f"the journey handed out only {kinds}"
            assert all(len(text) >= 16 for text in secrets.values()), secrets
            assert found_in_files(box.folder, {**secrets, "the owner's variable": OWN_VARIABLE}) == []
            await walked(journey, ["delete"])
    await box.stop()
    assert found_in_files(box.folder, {**secrets, "the owner's variable": OWN_VARIABLE}) == []
    assert len(seen) > 5, "no child process was seen"
    told = [f"{name} in a child: {text[:200]!r}" for text in seen for name, one in secrets.items() if shows(text, one)]
    assert told == []
    key = (box.home / "keys").read_text().strip()
    assert key
    assert found_in_files(box.folder, {"the sealing key": key}) == ["the sealing key in home/keys"]


async def walked(journey: Journey, steps: list[str]) -> None:
    """Take the steps and see each succeed."""
    async with aclosing(journey.walk(steps)) as told:
        async for one in told:
            assert one.ok, one


def found_in_files(folder: Path, secrets: dict[str, str]) -> list[str]:
    """Which secrets lie in which files of the box."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            found += [f"{name} in {path.relative_to(folder)}" for name, one in secrets.items() if shows(content, one)]
    return found


def shows(content: bytes, secret: str) -> bool:
    """Whether a secret can be read there: as it is, or as git and HTTP send it."""
    basic = base64.b64encode(f"x-access-token:{secret}".encode())
    return secret.encode() in content or basic in content


@contextmanager
def watching(pid: int) -> Iterator[set[bytes]]:
    """All arguments and environments of the process and its descendants, as long as the block runs."""
    seen: set[bytes] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            for one in family_of(pid):
                seen.update((told_of(one, "cmdline"), told_of(one, "environ")))
            over.wait(0.005)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
