"""Whatever a power cut leaves of what was not synced, every acknowledged delivery is in the database that opens."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaigns.powercut import Recording, campaign, states, wrong_with
from tests.campaigns.trace import needs_strace, read, recorder
from tests.needs import needs_caddy
from tests.size import SIZE

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180 + 60 * SIZE)]

WRITER = """
import socket, sqlite3, sys, uuid
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA journal_mode = WAL")
database.execute(f"PRAGMA synchronous = {sys.argv[2]}")
database.execute("CREATE TABLE github_webhook_deliveries (delivery_id, handled)")
database.execute("CREATE TABLE verdicts (delivery_id)")
here, there = socket.socketpair()
for number in range(5):
    one = str(uuid.uuid4())
    database.execute("BEGIN")
    database.execute("INSERT INTO github_webhook_deliveries VALUES (?, 1)", (one,))
    database.execute("INSERT INTO verdicts VALUES (?)", (one,))
    database.execute("COMMIT")
    here.send(f'HTTP/1.1 202 Accepted\\r\\n\\r\\n{{"delivery_id":"{one}"}}'.encode())
database.close()
"""


@pytest.mark.parametrize("synchronous", ["FULL", "NORMAL", "OFF"])
def test_a_writer_that_does_not_sync_is_found_out(tmp_path: Path, synchronous: str) -> None:
    """The proof can fail: the same judge, before a program that acknowledges what is not on disk."""
    needs_strace()
    home = tmp_path / "home"
    home.mkdir()
    argv = [*recorder(tmp_path / "trace"), sys.executable, "-c", WRITER, str(home / "box.db"), synchronous]
    subprocess.run(argv, check=True, timeout=60)
    events = [one for one in read(tmp_path / "trace", home) if not getattr(one, "name", "").endswith("-shm")]
    made = Recording(home=home, before={}, events=events)
    wrong = [
        told
        for state in states(made, tmp_path / "left", random.Random(1), each=3)
        if state.acknowledged and (told := wrong_with(state))
    ]
    assert bool(wrong) is (synchronous != "FULL"), wrong[:3]


async def test_the_power_is_cut_at_every_sync(tmp_path: Path) -> None:
    needs_strace()
    needs_caddy()
    chance = random.Random(SIZE)
    figures = await campaign(tmp_path, chance=chance, deliveries=40 * SIZE, each=1 + SIZE // 10, boots=1 + SIZE)
    assert figures.kept, figures.as_json()
    assert figures.deliveries == 40 * SIZE and figures.syncs > 10
    assert figures.states > 50 and figures.boots == 1 + SIZE
