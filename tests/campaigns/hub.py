"""The sandbox as a GitHub that a box is connected to: driven through its control door, wherever it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.demo.browser import Browser
from nanoscale_box.engine.doors import WEBHOOK
from nanoscale_box.wire import requests, shapes
from tests.e2e.harness import Box

PERMISSIONS = {"contents": "read", "metadata": "read", "repository_hooks": "write"}


@dataclass(slots=True, kw_only=True)
class Hub:
    """A running sandbox, and the App that a box has there."""

    url: str
    api_url: str
    app: dict[str, Any] = field(default_factory=dict)
    installation_id: int = 0

    @property
    def secret(self) -> str:
        """What the App's hook signs with."""
        return str(self.app["webhook_secret"])

    async def ask(self, path: str) -> Any:  # noqa: ANN401 - JSON of another system
        """The sandbox's own view."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.url}/_sandbox/{path}") as answer:
            answer.raise_for_status()
            return await answer.json()

    async def order(self, path: str, body: Mapping[str, object]) -> Any:  # noqa: ANN401 - the same
        """Have the sandbox do something."""
        async with aiohttp.ClientSession() as http, http.post(f"{self.url}/_sandbox/{path}", json=body) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def forget_faults(self) -> None:
        """Have nothing go wrong any more; what was held back goes on."""
        async with aiohttp.ClientSession() as http, http.delete(f"{self.url}/_sandbox/faults") as answer:
            answer.raise_for_status()

    async def requests(self, method: str, part: str) -> list[dict[str, Any]]:
        """What the box asked of GitHub."""
        seen = (await self.ask("requests"))["requests"]
        return [one for one in seen if one["method"] == method and part in one["path"]]

    async def register(self, box: Box, name: str = "by-hand") -> None:
        """Make an App whose hook leads to the box, install it for all of ada's repositories, and put it into the box's
        settings, as an owner does by hand."""
        base = f"http://{box.settings['NANOSCALE_LISTEN']}"
        manifest = {
            "name": name,
            "url": base,
            "redirect_url": f"{base}/unused",
            "callback_urls": [f"{base}/api/integrations/github/callback"],
            "hook_attributes": {"url": base + WEBHOOK, "active": True},
            "default_permissions": PERMISSIONS,
            "default_events": ["push", "repository"],
        }
        self.app = await self.order("apps", {"manifest": manifest})
        self.installation_id = (await self.order("installations", {"app": self.app["slug"]}))["id"]
        await self.order("authorizations", {"app": self.app["slug"]})  # so that connecting asks nobody
        box.settings |= {
            "NANOSCALE_GITHUB_URL": self.url,
            "NANOSCALE_GITHUB_API_URL": self.api_url,
            "NANOSCALE_PUBLIC_BASE_URL": base,
            "NANOSCALE_GITHUB_APP_ID": str(self.app["id"]),
            "NANOSCALE_GITHUB_APP_CLIENT_ID": self.app["client_id"],
            "NANOSCALE_GITHUB_APP_CLIENT_SECRET": self.app["client_secret"],
            "NANOSCALE_GITHUB_APP_PRIVATE_KEY": self.app["pem"].replace("\n", "\\n"),
            "NANOSCALE_GITHUB_WEBHOOK_SECRET": self.secret,
        }

    async def connect(self, box: Box) -> None:
        """Connect the running box to ada's account through a browser."""
        async with box.client() as client, Browser() as browser:
            page = await browser.open((await client.start_connect()).redirect_url)
            assert "GitHub is connected</h1>" in page.text, page.text
            assert (await client.github_status()).connected

    async def repository(self, name: str, files: Mapping[str, str]) -> int:
        """A private repository of ada's with these files; its id."""
        made = await self.order("repos", {"name": name, "private": True, "files": dict(files)})
        return int(made["id"])

    async def create(self, client: BoxClient, repo_id: int, name: str) -> shapes.Deployment:
        """A project on the main branch of a repository of the App's; its first deployment, on its way."""
        source = requests.GithubSource(
            installation_id=self.installation_id, repo_id=repo_id, selected_branch="main"
        )  # fmt: skip
        created = await client.create_project(requests.CreateProject(name=name, github_source=source))
        return created.deployment

    async def push(self, repo: str, files: Mapping[str, str], **order: object) -> dict[str, Any]:
        """Move the main branch; `fire=True` has the hooks tell it. What moved, and from where."""
        asked = {"repo": f"ada/{repo}", "files": dict(files), "fire": False, **order}
        moved: dict[str, Any] = await self.order("push", asked)
        return moved
