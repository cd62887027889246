"""The commands that speak of GitHub, run as an owner runs them."""

from __future__ import annotations

import asyncio
import json
import os
import sys

from tests.github.stand import Stand


async def box(stand: Stand, *words: str) -> tuple[int, str, str]:
    """Run one command against the stand's socket: exit code, output, and what was said besides."""
    environment = {**os.environ, "NANOSCALE_SOCKET": str(stand.path / "box.sock"), "NO_COLOR": "1"}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nanoscale_box", *words, env=environment, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(child.communicate(), 30)
    return child.returncode or 0, out.decode(), err.decode()


async def test_hooks_are_listed_and_mended(connected: Stand) -> None:
    await connected.create()
    code, out, _ = await box(connected, "github", "hooks")
    assert code == 0 and "the App's own" in out and "ada/hello" in out and out.count("  ok  ") == 2
    connected.sandbox.state.hooks.clear()
    code, out, _ = await box(connected, "github", "hooks", "--repair", "--json")
    assert [one["state"] for one in json.loads(out)["items"]] == ["ok", "missing"]
    await connected.idle()
    assert len(await connected.hooks()) == 1


async def test_secrets_are_rotated(connected: Stand) -> None:
    await connected.create()
    before = (await connected.hooks())[0]["secret"]
    code, out, err = await box(connected, "secrets", "rotate-webhook")
    assert code == 0 and "the App's hook and 1 repository hook" in out and "60 minutes" in err
    await connected.idle()
    assert (await connected.hooks())[0]["secret"] != before


async def test_problems_are_said_in_the_status(connected: Stand) -> None:
    some = {"contents": "read", "metadata": "read"}
    await connected.order(
        f"installations/{connected.installation_id}", {"action": "accept_permissions", "permissions": some}
    )
    await connected.synced()
    code, out, err = await box(connected, "github", "status")
    assert code == 0 and "missing: repository_hooks: write" in out and "works with its own hook alone" in err


async def test_connecting_by_device_where_it_is_off_says_so(connected: Stand) -> None:
    code, _, err = await box(connected, "github", "connect", "--device")
    assert code == 1 and "device flow is switched off" in err


async def test_disconnecting_says_which_step_it_took(connected: Stand) -> None:
    code, _, err = await box(connected, "github", "disconnect", "--yes")
    assert code == 0 and "Disconnected" in err
    await connected.idle()
    code, _, err = await box(connected, "github", "disconnect", "--yes")
    assert code == 0 and "forgot its App" in err
    assert (await connected.client.github_status()).state == "unconfigured"
