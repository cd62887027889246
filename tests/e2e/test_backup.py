"""A box is saved while it runs and brought back on another machine, with all it knew and what it served."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from nanoscale_box.sandbox.server import Sandbox
from nanoscale_box.wire.requests import KeepOrSet
from tests.e2e.harness import CHECKOUT, Box, app_files, box_in, repository

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

PHRASE = "correct horse battery staple"


def typed(box: Box, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nanoscale_box", *words],
        env=box.settings, cwd=CHECKOUT, capture_output=True, text=True, timeout=40, check=False,
    )  # fmt: skip


async def test_saved_and_brought_back_elsewhere(box: Box, sandbox: Sandbox, tmp_path: Path) -> None:
    url = await repository(sandbox, "site", app_files("one"))
    await box.start()
    await box.create(url, name="site")
    async with box.client() as client:
        await client.replace_env("site", [KeepOrSet(key="PASSWORD", value="hidden-29c1")])
    (tmp_path / "phrase").write_text(PHRASE + "\n")
    saved = await box.command(
        "backup", f"{tmp_path}/saved/", "--keys", "--passphrase-file", str(tmp_path / "phrase"), "--keep", "2"
    )
    assert saved.returncode == 0, saved.stderr
    (file,) = (tmp_path / "saved").iterdir()
    assert b"hidden-29c1" not in file.read_bytes() and not list(box.home.glob("backup-*"))
    async with box_in(tmp_path / "other", sandbox) as other:
        given = ("--passphrase-file", str(tmp_path / "phrase"))
        proven = typed(other, "restore", "--verify", str(file), *given)
        assert (proven.returncode, ": 1 project." in proven.stdout) == (0, True), proven.stderr
        assert not (other.home / "box.db").exists()
        restored = typed(other, "restore", str(file), *given)
        assert restored.returncode == 0, restored.stderr
        again = typed(other, "restore", str(file), *given)
        assert again.returncode == 78 and "there is a box" in again.stderr
        box.kill()
        await other.start()
        assert (await other.numbered("site", 2)).state == "live"
        assert await other.page("site.localhost") == (200, "one")
        async with other.client() as client:
            assert [one.key for one in await client.env("site")] == ["PASSWORD"]
            assert all(key.here for key in await client.keys())


async def test_without_its_keys_a_backup_says_what_is_lost(box: Box, sandbox: Sandbox, tmp_path: Path) -> None:
    url = await repository(sandbox, "site", app_files("one"))
    await box.start()
    await box.create(url, name="site")
    async with box.client() as client:
        await client.replace_env("site", [KeepOrSet(key="A", value="b")])
    file = tmp_path / "box.tar.gz"
    assert (await box.command("backup", str(file))).returncode == 0
    proved = typed(box, "restore", "--verify", str(file))
    assert proved.returncode == 0 and "2 secrets opened." in proved.stdout
    busy = typed(box, "restore", "--replace", str(file))
    assert busy.returncode == 1 and "is running already" in busy.stderr
    async with box_in(tmp_path / "other", sandbox) as other:
        none = typed(other, "restore", "--verify", str(file))
        assert none.returncode == 78 and "put the file of keys" in none.stderr
        await other.start()
        other.kill()
        lost = typed(other, "restore", "--verify", str(file))
        assert lost.returncode == 1 and "nanoscale-box env set" in lost.stdout
        with closing(sqlite3.connect(other.home / "box.db")) as database:
            assert database.execute("SELECT count(*) FROM projects").fetchone() == (0,)
        assert typed(other, "restore", "--replace", str(file)).returncode == 0
        assert len(list(other.home.glob("before-restore-*/box.db"))) == 1
