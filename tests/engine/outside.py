"""What happens to an account on GitHub while a box relies on it, each with the news that GitHub sends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nanoscale_box.core.errors import Unauthorized
from nanoscale_box.core.model import InstallationId, RepoId
from tests.engine.house import House
from tests.fake_github import INSTALLATION, REPO, installation

NOBODY = InstallationId(0)
"""The installation of repositories that no installation of the box's App reaches."""


class Outside:
    """The App's installation on ada's account, and the repository the project is made from."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._hub = house.hub
        self._number = INSTALLATION
        self.state = "there"
        """Or `suspended`, `out of scope`, `removed`, `disconnected`: the box is to ask nothing of the repository."""

    @property
    def is_there(self) -> bool:
        """Whether the repository is within reach."""
        return self.state == "there"

    async def suspend(self) -> None:
        """The owner of the account suspends the App."""
        self._hub.installations[self._number] = installation(self._number, suspended=True)
        self.state = "suspended"
        await self.tell("installation", installation_body("suspend", self._number, suspended_at="2026-03-01T00:00:00Z"))

    async def take_out(self) -> None:
        """The repository is taken out of the installation's scope."""
        self._belongs_to(NOBODY)
        self.state = "out of scope"
        await self.tell("installation_repositories", self._scope("removed", removed=[{"id": REPO}]))

    async def remove(self) -> None:
        """The App is removed from the account."""
        self._belongs_to(NOBODY)
        self._hub.installations.clear()
        self.state = "removed"
        await self.tell("installation", installation_body("deleted", self._number))

    async def disconnect(self) -> None:
        """The owner disconnects the box from GitHub."""
        await self._house.engine.accounts.disconnect()
        self.state = "disconnected"

    async def give_back(self) -> None:
        """All is as it was; an App that was removed comes back under another number."""
        was, self.state = self.state, "there"
        match was:
            case "suspended":
                self._hub.installations[self._number] = installation(self._number)
                await self.tell("installation", installation_body("unsuspend", self._number))
            case "out of scope":
                self._belongs_to(self._number)
                await self.tell("installation_repositories", self._scope("added", added=[{"id": REPO}]))
            case "removed":
                self._number = InstallationId(self._number + 1)
                self._hub.installations[self._number] = installation(self._number)
                self._belongs_to(self._number)
                await self.tell("installation", installation_body("created", self._number))
            case "disconnected":
                await self._house.connect()
            case _:
                pass

    async def rename(self, *, told: bool) -> None:
        """The repository gets another name; branches and commits stay."""
        old = self._hub.repositories[REPO]
        name = f"{old.name}-again"
        fresh = replace(
            old, name=name, full_name=f"ada/{name}", html_url=f"https://github.com/ada/{name}",
            clone_url=f"https://github.com/ada/{name}.git",
        )  # fmt: skip
        self._hub.repositories[REPO] = fresh
        heads = self._house.world.heads
        for url, branch in list(heads):
            if url == old.clone_url:
                heads[fresh.clone_url, branch] = heads.pop((url, branch))
        if told:
            await self.tell("repository", repository_body("renamed", name=name, clone_url=fresh.clone_url,
                                                          full_name=fresh.full_name))  # fmt: skip

    async def tell(self, event: str, body: object) -> None:
        """Send the App's hook, and wait for the sync that follows if one does."""
        await self._house.engine.intake.receive(*self._house.signed(event, body))
        if syncing := self._house.engine.catalogue._syncing:
            await syncing

    async def received(self, headers: list[tuple[str, str]], body: bytes) -> str | None:
        """Deliver a push; its delivery id, or None when its hook is gone and what it signed is worth nothing."""
        try:
            return (await self._house.engine.intake.receive(headers, body)).delivery_id
        except Unauthorized:
            hook_id = int(dict(headers)["X-GitHub-Hook-ID"])
            assert dict(headers)["X-GitHub-Hook-Installation-Target-Type"] == "repository"
            assert (RepoId(REPO), hook_id) not in self._hub.hooks, "a hook that is there was refused"
            return None

    def has_hook(self, name: str) -> bool:
        """Whether GitHub delivers pushes over this hook just now."""
        if name == "app":
            return self.state in {"there", "disconnected"}
        return any(repo_id == REPO for repo_id, _ in self._hub.hooks)

    def _belongs_to(self, installation_id: InstallationId) -> None:
        self._hub.repositories[REPO] = replace(self._hub.repositories[REPO], installation_id=installation_id)

    def _scope(self, action: str, *, added: object = (), removed: object = ()) -> dict[str, Any]:
        return {
            "action": action,
            "installation": {"id": self._number},
            "repository_selection": "selected",
            "repositories_added": added,
            "repositories_removed": removed,
        }


def installation_body(action: str, number: int = INSTALLATION, **changes: object) -> dict[str, Any]:
    """An `installation` event."""
    told = {
        "id": number,
        "account": {"login": "ada", "type": "User"},
        "target_id": 1,
        "target_type": "User",
        "permissions": {"contents": "read", "metadata": "read", "repository_hooks": "write"},
        **changes,
    }
    return {"action": action, "installation": told}


def repository_body(action: str, **changes: object) -> dict[str, Any]:
    """A `repository` event about the project's repository."""
    told = {
        "id": REPO,
        "node_id": f"R_{REPO}",
        "name": "hello",
        "full_name": "ada/hello",
        "private": True,
        "owner": {"login": "ada", "type": "User"},
        "html_url": "https://github.com/ada/hello",
        "clone_url": "https://github.com/ada/hello.git",
        "default_branch": "main",
        **changes,
    }
    return {"action": action, "repository": told, "installation": {"id": INSTALLATION}}
