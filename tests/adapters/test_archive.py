"""Backups as files: what goes in comes out, and nothing else is believed."""

from __future__ import annotations

import io
import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nanoscale_box.adapters.archive import Manifest, pack, unpack
from nanoscale_box.adapters.vault import new_key
from nanoscale_box.adapters.vault_lock import lock_keys, unlock_keys
from nanoscale_box.core.errors import ConfigurationError
from nanoscale_box.core.secret import Secret

SAID = Manifest(version="1.2", made_at=datetime(2026, 3, 1, tzinfo=UTC), keys=("aabbccdd",))
GOOD = json.dumps({"format": 1, "version": "1", "made_at": "2026-03-01T00:00:00+00:00", "keys": []}).encode()


def tar(path: Path, *members: tuple[str, bytes, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as made:
        for name, content, kind in members:
            member = tarfile.TarInfo(name)
            member.size, member.type, member.linkname = len(content), kind, "/etc/passwd"
            made.addfile(member, io.BytesIO(content))
    return path


def test_what_goes_in_comes_out_for_the_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"\0database" * 1000)
    made, folder = tmp_path / "b.tar.gz", tmp_path / "out"
    folder.mkdir()
    pack(made, SAID, {"box.db": tmp_path / "db", "routes/a.localhost": tmp_path / "db"}, {"keys.locked": b"x"})
    assert made.stat().st_mode & 0o777 == 0o600
    assert unpack(made, folder) == SAID
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == {
        "manifest.json", "box.db", "routes/a.localhost", "keys.locked",
    }  # fmt: skip
    assert (folder / "box.db").read_bytes() == (tmp_path / "db").read_bytes()
    assert (folder / "box.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../escape", tarfile.REGTYPE), ("/etc/x", tarfile.REGTYPE), ("routes/../x", tarfile.REGTYPE),
        ("routes/a/b", tarfile.REGTYPE), ("other", tarfile.REGTYPE), ("box.db", tarfile.SYMTYPE),
        ("box.db", tarfile.LNKTYPE), ("box.db", tarfile.FIFOTYPE), ("routes", tarfile.DIRTYPE),
    ],
)  # fmt: skip
def test_what_a_backup_never_holds_is_refused_and_touches_nothing(tmp_path: Path, name: str, kind: bytes) -> None:
    folder = tmp_path / "in" / "out"
    folder.mkdir(parents=True)
    made = tar(tmp_path / "b", ("manifest.json", GOOD, tarfile.REGTYPE), (name, b"", kind))
    with pytest.raises(ConfigurationError, match="not a backup"):
        unpack(made, folder)
    assert [path.name for path in folder.rglob("*")] == ["manifest.json"]
    assert [path.name for path in folder.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"format": 2}', b"\xff", GOOD.replace(b"2026", b"x")])
def test_a_manifest_that_says_nothing_sensible_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(ConfigurationError, match="not a backup"):
        unpack(tar(tmp_path / "b", ("manifest.json", content, tarfile.REGTYPE)), tmp_path / "out")


def test_other_files_and_cut_ones_are_refused(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(bytes(range(256)) * 4000)
    pack(tmp_path / "whole", SAID, {"box.db": tmp_path / "db"}, {})
    (tmp_path / "cut").write_bytes((tmp_path / "whole").read_bytes()[:-500])
    for name in ("db", "cut", "none"):
        folder = tmp_path / f"out-{name}"
        folder.mkdir()
        with pytest.raises(ConfigurationError, match="not a backup"):
            unpack(tmp_path / name, folder)


def test_keys_open_with_their_passphrase_and_no_other() -> None:
    keys, phrase = [new_key(), new_key()], Secret("correct horse battery")
    locked = lock_keys(keys, phrase)
    assert unlock_keys(locked, phrase) == keys
    assert all(key.key not in locked and key.line().encode() not in locked for key in keys)
    for wrong, text in ((Secret("correct horse battery "), locked), (phrase, locked[:-1]), (phrase, b"")):
        with pytest.raises(ConfigurationError, match="does not open"):
            unlock_keys(text, wrong)
    with pytest.raises(ConfigurationError, match="fewer than 12"):
        lock_keys(keys, Secret("short"))
