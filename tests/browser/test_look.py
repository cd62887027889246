"""What the pages look like to a person and say to a browser: readable, on a telephone too, and closed to others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from nanoscale_box.web import pages
from nanoscale_box.wire import routes
from tests.browser.browser import Answer, Browser
from tests.browser.steps import ON_GITHUB, ON_INSTALL, Owner

NARROW = 360
CONTRAST = """(() => {
  const light = (text) => {
    const parts = text.match(/[0-9.]+/g).slice(0, 3).map((one) => one / 255)
      .map((one) => one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = getComputedStyle(one).backgroundColor;
      if (!/, 0\\)$/.test(color)) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  return [...document.querySelectorAll('h1, p, small, button, li, label, a, code')].map((one) => {
    const [a, b] = [light(getComputedStyle(one).color), light(behind(one))].sort((x, y) => y - x);
    return [one.textContent.trim(), (a + 0.05) / (b + 0.05), parseFloat(getComputedStyle(one).fontSize)];
  });
})()"""
"""Text, contrast and size in pixels of all that is to be read; the formula is WCAG 2's."""

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def unreadable(browser: Browser) -> list[object]:
    """What is too wide, too faint or too small, on a telephone, in light and in the dark."""
    found: list[object] = []
    await browser.size(NARROW, 640)
    if (width := await browser.ask("document.documentElement.scrollWidth")) > NARROW:
        found.append(f"{width} pixels wide")
    for dark in (False, True):
        await browser.dark(on=dark)
        words = await browser.ask(CONTRAST)
        assert words
        found += [one for one in words if one[1] < 4.5 or one[2] < 12]
    return found


async def test_every_page_on_the_way_can_be_read_and_is_closed_to_others(owner: Owner) -> None:
    browser = owner.browser
    await browser.scripts(on=False)
    await browser.open(await owner.begins())
    assert await unreadable(browser) == []
    await browser.click("form button")
    await browser.arrives(ON_GITHUB)
    assert await unreadable(browser) == []
    await browser.click("#create button")
    await browser.arrives(ON_INSTALL)
    assert await unreadable(browser) == []
    await owner.installs()
    assert await unreadable(browser) == []
    await owner.authorises()
    assert await unreadable(browser) == []
    answers = [one for one in await browser.answers() if one.url.startswith(owner.door)]
    assert [one.status for one in answers].count(200) == 2 and len(answers) > 4
    for one in answers:
        check_headers(one)

    [installation] = owner.sandbox.state.installations
    for path in ("", "login", "login/device", "settings/apps", f"settings/installations/{installation}", "apps/no-app"):
        await browser.open(f"{owner.sandbox.url}/{path}")
        assert await unreadable(browser) == [], path


async def test_every_result_has_a_page_that_can_be_read(owner: Owner) -> None:
    browser, titles = owner.browser, set()
    for result in (*pages.RESULTS, "else"):
        await browser.open(f"{owner.door}{routes.LANDING}?result={result}")
        assert await unreadable(browser) == [], result
        titles.add(await browser.ask("document.title"))
    assert len(titles) == len(pages.RESULTS) + 1
    assert await browser.complaints() == []


async def test_the_page_of_a_failed_deployment_can_be_read(browser: Browser) -> None:
    reason = "the build failed: " + "x" * 120 + " <b>&amp;</b>"

    async def show(_: web.Request) -> web.StreamResponse:
        return pages.deployment(12, "failed", reason)

    async with site_of(show) as address:
        await browser.open(address)
        assert await unreadable(browser) == []
        assert reason in await browser.text() and "Deployment #12 failed" in await browser.text("h1")
        assert await browser.complaints() == []


def check_headers(answer: Answer) -> None:
    """What every answer of the box says to browsers, and what its pages say besides."""
    headers = answer.headers
    assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer"), answer.url
    assert headers["x-content-type-options"] == "nosniff" and "server" not in headers, answer.url
    if answer.status == 200:
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert headers["x-frame-options"] == "DENY"


async def test_what_somebody_writes_into_the_page_does_not_run(owner: Owner) -> None:
    browser = owner.browser
    await browser.open(f"{owner.door}{routes.LANDING}?result=connected")
    await browser.ask("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\">')")
    await browser.ask(
        "document.body.appendChild(Object.assign(document.createElement('script'), {text: 'document.title = 2'})).id"
    )
    assert await browser.ask("document.title") == "GitHub is connected · nanoscale-box"
    complaints = " ".join(await browser.complaints())
    assert "script-src" in complaints or "Content Security Policy" in complaints


async def test_no_other_site_can_frame_the_pages(owner: Owner) -> None:
    browser = owner.browser
    async with another_site(f"{owner.door}{routes.LANDING}?result=connected") as site:
        await browser.open(site)
        assert not await framed(browser)
        assert "frame-ancestors" in " ".join(await browser.complaints())


async def framed(browser: Browser) -> bool:
    """Whether the page in the page's frame shows the box's words."""
    await browser.call("POST", "frame", id=0)
    shown = "GitHub is connected" in await browser.text()
    await browser.call("POST", "frame", id=None)
    return shown


@asynccontextmanager
async def another_site(framing: str) -> AsyncIterator[str]:
    """A site of somebody else's that puts an address into a frame."""

    async def show(_: web.Request) -> web.StreamResponse:
        return web.Response(text=f'<iframe src="{framing}"></iframe>', content_type="text/html")

    async with site_of(show) as address:
        yield address


@asynccontextmanager
async def site_of(show: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """A site of one page."""
    app = web.Application()
    app.router.add_get("/", show)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()
