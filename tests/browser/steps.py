"""What an owner does in the browser, step by step, and the addresses that the box and the sandbox answer at."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import aiohttp

from nanoscale_box.sandbox.server import Sandbox
from nanoscale_box.wire import shapes
from tests.browser.browser import Browser
from tests.e2e.harness import Box

ON_GITHUB = "/settings/apps/new"
ON_INSTALL = "/installations/new"
ON_AUTHORISE = "/login/oauth/authorize"
LANDED = "/integrations/github?result="


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Somebody with a browser, a box and an account at GitHub."""

    browser: Browser
    box: Box
    sandbox: Sandbox

    @property
    def door(self) -> str:
        """The box's public door."""
        return f"http://{self.box.settings['NANOSCALE_LISTEN']}"

    async def begins(self, organization: str | None = None) -> str:
        """Ask the box to register its App; the address to open."""
        async with self.box.client() as client:
            return (await client.register_app(organization)).redirect_url

    async def registers(self, organization: str | None = None) -> None:
        """From nothing to the page that installs the App."""
        await self.browser.open(await self.begins(organization))
        await self.browser.arrives(ON_GITHUB)
        await self.browser.click("#create button")
        await self.browser.arrives(ON_INSTALL)

    async def installs(self, *only: str) -> str:
        """Install the App, on all repositories or on some; gives the address of the page that authorises."""
        if only:
            await self.browser.click("input[value=selected]")
        for name in only:
            repo = self.sandbox.state.repo(name)
            assert repo is not None
            await self.browser.click(f"input[name=repository_ids][value='{repo.id}']")
        await self.browser.click("#install button")
        return await self.browser.arrives(ON_AUTHORISE)

    async def authorises(self) -> str:
        """Say yes; gives where that leads."""
        await self.browser.click("#authorize button")
        return await self.browser.arrives(LANDED)

    async def connects(self) -> None:
        """All of it."""
        await self.registers()
        await self.installs()
        await self.authorises()

    async def lands(self, path: str) -> str:
        """Open a path of the box that leads to its page of results; which result that is."""
        await self.browser.open(f"{self.door}{path}")
        return parse_qs(urlsplit(await self.browser.arrives(LANDED)).query)["result"][0]

    async def status(self) -> shapes.GithubStatus:
        """How the box stands with GitHub."""
        async with self.box.client() as client:
            return await client.github_status()

    async def order(self, path: str, **order: object) -> None:
        """Change something at the sandbox behind the box's back."""
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self.sandbox.url}/_sandbox/{path}", json=order) as answer,
        ):
            assert answer.status < 300, await answer.text()


def state_of(url: str) -> str:
    """The state that an address carries."""
    return parse_qs(urlsplit(url).query)["state"][0]
