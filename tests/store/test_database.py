"""Opening, refusing, surviving: the file itself."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from nanoscale_box.core.errors import BoxError, Code, ConfigurationError, Unavailable
from nanoscale_box.engine.records import Records
from nanoscale_box.store import database as database_module
from nanoscale_box.store.database import Database
from nanoscale_box.store.opening import APPLICATION, migrations
from tests.needs import lacking, needs_root

ROOT = Path(__file__).resolve().parents[2]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file in the folder with its bytes."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


async def made(path: Path) -> None:
    """Make a database and close it."""
    database = await Database.open(path)
    await database.write(lambda records: records.keeper.put("a", "1"))
    await database.close()


async def refused(path: Path) -> ConfigurationError:
    """What opening raises."""
    with pytest.raises(ConfigurationError) as error:
        await Database.open(path)
    assert error.value.detail and error.value.hint
    return error.value


async def test_a_fresh_database_has_all_settings(database: Database) -> None:
    writer = database._writer._connection
    found = {
        name: next(iter(await writer.execute_fetchall(f"PRAGMA {name}")))[0]
        for name in ("journal_mode", "synchronous", "foreign_keys", "application_id", "user_version", "busy_timeout")
    }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "application_id": APPLICATION,
        "user_version": len(migrations()),
        "busy_timeout": 2000,
    }


async def test_what_was_written_is_there_after_opening_again(path: Path) -> None:
    await made(path)
    database = await Database.open(path)
    assert await database.read(lambda records: records.keeper.get("a")) == "1"
    await database.close()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
async def test_only_the_owner_may_read_the_files(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        database = await Database.open(path)
        await database.write(lambda records: records.keeper.put("a", "1"))
        await database.read(lambda records: records.keeper.get("a"))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        await database.close()
    finally:
        os.umask(before)
    assert modes == {"box.db": 0o600, "box.db-wal": 0o600, "box.db-shm": 0o600}


async def test_a_file_that_was_opened_to_others_is_closed_again(path: Path) -> None:
    await made(path)
    path.chmod(0o644)
    database = await Database.open(path)
    await database.write(lambda records: records.keeper.put("a", "2"))
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    await database.close()


async def test_migrations_that_are_missing_run_in_order(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await made(path)
    more = [*migrations(), "CREATE TABLE one (a);", "ALTER TABLE one ADD COLUMN b;"]
    monkeypatch.setattr(database_module, "migrations", lambda: more)
    await made(path)
    await made(path)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM pragma_table_info('one')").fetchall() == [("a",), ("b",)]
        assert other.execute("PRAGMA user_version").fetchone() == (len(more),)


async def test_a_migration_that_fails_leaves_the_schema_before_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await made(path)
    monkeypatch.setattr(database_module, "migrations", lambda: [*migrations(), "CREATE TABLE one (a); nonsense;"])
    await refused(path)
    monkeypatch.undo()
    database = await Database.open(path)
    assert await database.read(lambda records: records.keeper.get("a")) == "1"
    await database.close()
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT count(*) FROM pragma_table_info('one')").fetchone() == (0,)


@pytest.mark.parametrize("left_open", [False, True])
async def test_a_newer_schema_is_refused_and_left_as_it_is(path: Path, left_open: bool) -> None:
    await made(path)
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 999")
        if left_open:
            # As after a crash of the newer program: its schema is in the log and not in the file.
            copy = path.parent / "crashed"
            copy.mkdir()
            for name in ("box.db", "box.db-wal", "box.db-shm"):
                shutil.copy(path.parent / name, copy / name)
            path = copy / "box.db"
    before = contents(path.parent) if left_open else {"box.db": path.read_bytes()}
    assert (await refused(path)).code is Code.STORE_TOO_NEW
    after = contents(path.parent)
    assert {name: after[name] for name in after if name != "box.db-shm"} == {
        name: before[name] for name in before if name != "box.db-shm"
    }
    assert left_open or list(after) == ["box.db"]


async def test_a_newer_schema_without_write_ahead_log_gets_none(path: Path) -> None:
    with closing(sqlite3.connect(path)) as newer:
        newer.executescript(f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 999; CREATE TABLE a (b);")
    before = contents(path.parent)
    assert (await refused(path)).code is Code.STORE_TOO_NEW
    assert contents(path.parent) == before


@pytest.mark.parametrize("text", [b"not a database, but a text that is longer than a header" * 40, b"x"])
async def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(path: Path, text: bytes) -> None:
    path.write_bytes(text)
    assert "is not a database of nanoscale-box" in (await refused(path)).detail
    assert contents(path.parent) == {"box.db": text}


async def test_the_database_of_another_program_is_refused_and_left_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (a)")
    before = contents(path.parent)
    assert "is not a database of nanoscale-box" in (await refused(path)).detail
    assert contents(path.parent) == before


async def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    assert "cannot be opened" in (await refused(tmp_path / "none" / "box.db")).detail


async def test_a_folder_in_the_place_of_the_file_is_told(path: Path) -> None:
    path.mkdir()
    assert str(path) in (await refused(path)).detail


async def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.touch(0o644)
    await made(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_name_with_odd_letters_is_no_option(tmp_path: Path) -> None:
    odd = tmp_path / "a?mode=memory&b#c %41.db"
    await made(odd)
    assert odd.stat().st_size > 0


async def test_a_locked_database_is_told_and_the_box_goes_on(path: Path) -> None:
    database = await Database.open(path, busy_seconds=0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable) as error:
            await database.write(lambda records: records.keeper.put("a", "1"))
        assert error.value.code is Code.STORE_UNAVAILABLE and error.value.may_retry
        assert await database.read(lambda records: records.keeper.get("a")) is None
        other.execute("COMMIT")
    await database.write(lambda records: records.keeper.put("a", "1"))
    await database.close()


async def fill(database: Database) -> int:
    """Write until the disk is full; give how many works were acknowledged."""
    for number in range(2000):

        def work(records: Records, number: int = number) -> None:
            records.keeper.put(f"n{number}", "x" * 65536)

        try:
            await database.write(work)
        except BoxError as error:
            assert isinstance(error, Unavailable)
            assert error.code is Code.DISK_FULL
            assert error.may_retry
            return number
    raise AssertionError("the disk was never full")


async def test_a_database_that_may_not_grow_is_told_as_a_full_disk_and_goes_on(database: Database) -> None:
    writer = database._writer._connection
    await writer.execute_fetchall("PRAGMA max_page_count = 400")
    written = await fill(database)
    assert written > 5
    await writer.execute_fetchall("PRAGMA max_page_count = 100000")
    await database.write(lambda records: records.keeper.put("after", "1"))
    for number in range(written):
        assert await database.read(lambda records, n=number: records.keeper.get(f"n{n}")) is not None  # type: ignore[misc]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    needs_root()
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        lacking("This machine does not let root mount a small file system.")
    yield folder
    # Lazily: a file that a failed test left open must not keep it mounted.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_a_disk_that_is_really_full_loses_nothing_acknowledged(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 1_000_000)
    database = await Database.open(small_disk / "box.db")
    try:
        written = await fill(database)
        ballast.unlink()
        await database.write(lambda records: records.keeper.put("after", "1"))
    finally:
        await database.close()
    with closing(sqlite3.connect(small_disk / "box.db")) as other:
        names = {name for (name,) in other.execute("SELECT name FROM keeper")}
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert names == {*(f"n{number}" for number in range(written)), "after"}


WRITER = """
import asyncio, sys
from pathlib import Path
from nanoscale_box.store.database import Database

async def main():
    database = await Database.open(Path(sys.argv[1]))
    async def caller(name):
        number = 0
        while True:
            key = f"{name}-{number}"
            await database.write(lambda records: records.keeper.put(key, "x" * 300))
            sys.stdout.write(key + "\\n")
            sys.stdout.flush()
            number += 1
    await asyncio.gather(*(caller(name) for name in "abcdefgh"))

asyncio.run(main())
"""


@pytest.mark.parametrize("after", [1, 200, 1500])
async def test_a_kill_loses_nothing_that_was_acknowledged(path: Path, after: int) -> None:
    child = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    told = [child.stdout.readline().strip() for _ in range(after)]
    child.send_signal(signal.SIGKILL)
    told += [line.strip() for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    child.wait()
    child.stdout.close()
    assert len(told) >= after and all(told)

    database = await Database.open(path)
    missing = await database.read(lambda records: [key for key in told if records.keeper.get(key) is None])
    await database.close()
    assert missing == []
