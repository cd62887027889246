"""What a visitor sees of the apps: names under localhost, through the ingress, in a real browser."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import pytest

from tests.browser.browser import Browser
from tests.browser.steps import Owner
from tests.browser.test_look import unreadable
from tests.e2e.harness import app_files, repository
from tests.e2e.processes import family_of, is_running, until
from tests.needs import needs_caddy

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_app_its_absence_and_a_stranger(owner: Owner) -> None:
    needs_caddy()
    browser, box = owner.browser, owner.box
    port = box.settings["NANOSCALE_INGRESS_LISTEN"].rpartition(":")[2]
    url = await repository(owner.sandbox, "visited", app_files("Hello, visitor"))
    deployment = await box.create(url, name="visited")
    assert deployment.state == "live", await box.build_log(deployment.id)

    assert await shown(browser, f"http://visited.localhost:{port}/") == (200, "Hello, visitor")
    status, text = await shown(browser, f"http://nobody.localhost:{port}/")
    assert (status, text) == (404, "There is no app of this name here.")
    assert await unreadable(browser) == []

    [app] = box.apps().values()
    os.kill(box.pid, signal.SIGSTOP)  # or it would start the app again before anybody could look
    try:
        everybody = family_of(app)
        for pid in everybody:
            with suppress(ProcessLookupError):  # one may end with its parent
                os.kill(pid, signal.SIGKILL)
        await until(lambda: not any(map(is_running, everybody)), "the end of the app")
        status, text = await shown(browser, f"http://visited.localhost:{port}/")
        assert (status, text) == (502, "visited.localhost is not running.")
        assert await unreadable(browser) == []
    finally:
        os.kill(box.pid, signal.SIGCONT)


async def shown(browser: Browser, url: str) -> tuple[int, str]:
    """The status of a page and what there is to read."""
    await browser.open(url)
    return [one.status for one in await browser.answers() if one.url == url][-1], await browser.text()
