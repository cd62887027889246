"""Private submodules and large files, by an installation's tokens: one for each repository, alive as long as it is
read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from nanoscale_box.adapters.git import GitSource
from nanoscale_box.core.errors import BoxError, Code
from nanoscale_box.core.model import DeploymentId, Project, Release, Sha
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.creating import Sources
from nanoscale_box.engine.remotes import Remotes
from tests.github.stand import Stand
from tests.needs import needs

Files = dict[str, str | Mapping[str, str] | None]


class Checkouts:
    """The real source over a connected GitHub."""

    def __init__(self, stand: Stand, folder: Path) -> None:
        self.stand = stand
        self.folder = folder
        self.lines: list[str] = []
        self.source = GitSource(folder / "mirrors", lambda release: folder / "release")
        app = AppKeeper(ledger=stand.database, vault=stand.vault)
        sources = Sources(base_domain="localhost", manual_hosts=(), development=True)
        self.remotes = Remotes(ledger=stand.database, github=stand.github, app=app, sources=sources)

    async def checkout(self, project: Project, sha: str) -> Path:
        """Check out as a deployment does."""
        release = Release(project_id=project.id, deployment_id=DeploymentId("d1"))
        async with self.remotes.open(project) as remote:
            await self.source.checkout(remote, "main", Sha(sha), release, self.lines.append)
        return self.folder / "release"


@pytest.fixture
async def checkouts(connected: Stand, tmp_path: Path) -> AsyncIterator[Checkouts]:
    needs("git")
    found = Checkouts(connected, tmp_path / "home")
    yield found
    await found.source.close()


def modules(url: str) -> str:
    """A `.gitmodules` with one submodule."""
    return f'[submodule "lib"]\n\tpath = lib\n\turl = {url}\n'


async def test_a_private_submodule_and_large_files(checkouts: Checkouts) -> None:
    stand = checkouts.stand
    large: Files = {".gitattributes": "*.bin filter=lfs\n", "large.bin": {"text": "as large as can be", "lfs": "true"}}
    lib = (await stand.sandbox.push("ada/api", files={"private.txt": "from api", **large})).after
    files: Files = {".gitmodules": modules("../api.git"), "lib": {"commit": lib}, **large}
    app = (await stand.sandbox.push("ada/hello", files=files)).after
    project = await stand.create()
    folder = await checkouts.checkout(project, app)
    assert (folder / "lib/private.txt").read_text() == "from api"
    assert (folder / "large.bin").read_text() == (folder / "lib/large.bin").read_text() == "as large as can be"
    tokens = stand.sandbox.state.installation_tokens
    assert not [token for token, kept in tokens.items() if kept.permissions == {"contents": "read"}], "all are revoked"
    for path in folder.parent.rglob("*"):
        assert not path.is_file() or b"ghs_" not in path.read_bytes(), path


async def test_a_submodule_that_the_app_may_not_read(checkouts: Checkouts) -> None:
    stand = checkouts.stand
    lib = (await stand.sandbox.push("analytical/engine", files={"private.txt": "of others"})).after
    files: Files = {".gitmodules": modules("../../analytical/engine.git"), "lib": {"commit": lib}}
    app = (await stand.sandbox.push("ada/hello", files=files)).after
    project = await stand.create()
    with pytest.raises(BoxError) as refused:
        await checkouts.checkout(project, app)
    assert refused.value.code is Code.SOURCE_DENIED
    assert refused.value.detail.startswith("the submodule lib (")
    assert "analytical/engine.git" in refused.value.detail
    assert refused.value.hint.startswith("give the GitHub App access to that repository (Contents: read)")
    assert not (checkouts.folder / "release").exists() and not (checkouts.folder / "release.part").exists()
