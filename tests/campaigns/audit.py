"""Looks from outside at a box that was killed often: at its doors, its database file, its processes, its folders."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nanoscale_box.client.box_client import BoxClient
from tests.e2e.harness import ENDED, Box
from tests.e2e.processes import at_work_in, family_of, until

EVER_LIVE = ("live", "retired")
RETIRED_SECONDS = 60.0
"""How long a retired release may take to finish what it was doing, to end, and to be ended."""


@dataclass(slots=True, kw_only=True)
class Figures:
    """What a campaign comes to. `broken` tells each promise that was not kept, one sentence each."""

    kills: int = 0
    kills_in_boot: int = 0
    seconds: float = 0.0
    acknowledged: int = 0
    unanswered: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    pushes: int = 0
    verdicts: dict[str, int] = field(default_factory=dict)
    deployments: dict[str, int] = field(default_factory=dict)
    most_tries: int = 0
    visits: int = 0
    visits_failed: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    twice: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Whether every promise was kept, to GitHub and to visitors."""
        return not self.broken and not self.visits_failed

    def as_json(self) -> str:
        return json.dumps(asdict(self))


async def audit(box: Box, heads: dict[str, str], log: Path, figures: Figures) -> None:
    """Let a running box come to rest, stop it, and look at everything."""
    for name, head in heads.items():
        await _rests_at(box, name, head, figures)
    async with box.client() as client:
        live = {one.live.id for one in await client.projects() if one.live}
    try:
        await until(lambda: set(box.apps()) <= live, "no app runs that is not live", RETIRED_SECONDS)
    except AssertionError as error:
        figures.broken.append(f"{error}: {box.apps()}")
    family = set(family_of(box.pid))
    caddy = set(family_of(box.caddy()))
    apps = box.apps()
    kept = {pid for app in apps.values() for pid in family_of(app)}
    stray = set(at_work_in(box.home)) - family - caddy - kept
    await box.stop()
    if stray := {pid for pid in stray if pid in at_work_in(box.home)}:
        figures.broken.append(f"processes run that belong to nothing: {sorted(stray)}")
    if left := set(at_work_in(box.home)) - caddy - kept:
        figures.broken.append(f"processes outlive the box: {sorted(left)}")
    doubled = [line for file in box.home.glob("data/*/twice") for line in file.read_text().splitlines()]
    figures.twice += len(doubled)
    figures.broken += [f"two processes ran one release: {line}" for line in doubled]
    with closing(sqlite3.connect(f"file:{box.home / 'box.db'}?mode=ro", uri=True)) as database:
        _look_at_rows(database, figures)
        _look_at_deliveries(database, log, figures)
        _look_at_folders(database, box.home, figures)
    told = box.log
    figures.broken += [
        f"the log tells a traceback:\n{told[at : at + 1500]}" for at in [told.find("Traceback")] if at >= 0
    ]


async def _rests_at(box: Box, name: str, head: str, figures: Figures) -> None:
    """The project has nothing under way, and its release is the head."""

    async def look(client: BoxClient) -> bool | None:
        project = await client.project(name)
        if project.latest is None or project.latest.state not in ENDED or project.live is None:
            return None
        rows = (await client.deployments(name)).items
        rests = all(one.state in ENDED for one in rows) and project.live.sha == head
        return True if rests else None

    try:
        await box.seen(look, f"{name} rests at {head}")
    except AssertionError as error:
        figures.broken.append(str(error)[:3000])


def _look_at_rows(database: sqlite3.Connection, figures: Figures) -> None:
    (integrity,) = database.execute("PRAGMA integrity_check").fetchone()
    if integrity != "ok":
        figures.broken.append(f"the database is damaged: {integrity}")
    figures.deployments = dict(database.execute("SELECT state, count(*) FROM deployments GROUP BY 1").fetchall())
    figures.verdicts = dict(database.execute("SELECT outcome, count(*) FROM verdicts GROUP BY 1").fetchall())
    (figures.most_tries,) = database.execute("SELECT max(attempt) FROM deployments").fetchone()
    for state in sorted(set(figures.deployments) - ENDED):
        figures.broken.append(f"{figures.deployments[state]} deployments stayed {state}")
    twice = database.execute(
        "SELECT sha, count(*) FROM deployments WHERE state IN (?, ?) GROUP BY project_id, sha HAVING count(*) > 1",
        EVER_LIVE,
    ).fetchall()
    figures.twice += len(twice)
    figures.broken += [f"{sha} went live {count} times" for sha, count in twice]
    failed = database.execute("SELECT number, error_detail FROM deployments WHERE state = 'failed'").fetchall()
    figures.broken += [f"#{number} failed: {detail}" for number, detail in failed]


def _look_at_deliveries(database: sqlite3.Connection, log: Path, figures: Figures) -> None:
    """Every delivery that was acknowledged has its verdict, and a final one."""
    sent: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines()]
    figures.answers = dict(Counter(f"{one['status']} {one['told'] or ''}".strip() for one in sent if one["status"]))
    figures.unanswered = sum(one["status"] == 0 for one in sent)
    figures.pushes = len({one["id"] for one in sent if one["kind"] == "push"})
    refused = [one for one in sent if one["status"] >= 300]
    figures.broken += [f"a rightly signed delivery was refused: {one}" for one in refused[:5]]
    final = {}
    for delivery_id, outcome, reason in database.execute(
        "SELECT delivery_id, outcome, reason FROM verdicts WHERE delivery_id IS NOT NULL"
    ):
        final[delivery_id] = outcome != "queued" and bool(reason)
    handled = {row[0] for row in database.execute("SELECT delivery_id FROM github_webhook_deliveries WHERE handled")}
    told = {one["id"] for one in sent if 200 <= one["status"] < 300}
    lost = [one for one in told if not final.get(one) or one not in handled]
    figures.lost = len(lost)
    figures.broken += [f"delivery {one} was acknowledged and has no final verdict" for one in lost[:5]]
    if waiting := [one for one, is_final in final.items() if not is_final]:
        figures.broken.append(f"{len(waiting)} verdicts never became final")


def _look_at_folders(database: sqlite3.Connection, home: Path, figures: Figures) -> None:
    """Whatever lies there belongs to a release that may be started again."""
    able = {row[0] for row in database.execute("SELECT id FROM deployments WHERE state IN (?, ?)", EVER_LIVE)}
    there = {folder.name for folder in home.glob("releases/*/*") if folder.is_dir()}
    if left := there - able:
        figures.broken.append(f"folders of no release are left: {sorted(left)}")
