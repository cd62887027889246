"""Runs a campaign by hand, as large as one likes; prints its figures as JSON.

    python -m tests.campaigns kills --kills 1000 --deliveries 100000 --minutes 60
    python -m tests.campaigns power --deliveries 5000 --boots 50

It ends with 1 when a promise was broken; the figures name it, and the folder is kept for a look.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

from tests.campaigns import audit, kills, powercut


def main(arguments: list[str]) -> int:
    """0 when every promise was kept."""
    asked = vars(parser().parse_args(arguments))
    kind, seed = asked.pop("kind"), asked.pop("seed")
    folder = Path(tempfile.mkdtemp(prefix="campaign-"))
    print(f"seed {seed}, folder {folder}", file=sys.stderr, flush=True)
    figures = _kills(folder, seed, asked) if kind == "kills" else _power(folder, seed, asked)
    print(figures.as_json(), flush=True)
    if figures.kept:
        shutil.rmtree(folder)
    return 0 if figures.kept else 1


def parser() -> argparse.ArgumentParser:
    """What may be asked for."""
    made = argparse.ArgumentParser(prog="campaigns", description="Kill a box, or cut its power, and look.")
    made.add_argument("--seed", type=int, default=SystemRandom().getrandbits(32), metavar="N")
    kinds = made.add_subparsers(dest="kind", required=True)
    one = kinds.add_parser("kills", help="kill -9 at random while pushes come in")
    one.add_argument("--kills", type=int, default=100, metavar="N")
    one.add_argument("--deliveries", type=int, default=1000, metavar="N", help="acknowledged ones, at least")
    one.add_argument("--minutes", type=float, default=30, metavar="N", help="the longest it may send")
    one.add_argument("--sites", type=int, default=4, metavar="N", help="static projects")
    one.add_argument("--apps", type=int, default=2, metavar="N", help="projects with a process")
    one.add_argument("--rumours", type=int, default=4, metavar="N", help="made-up pushes to each real one")
    one.add_argument("--connections", type=int, default=4, metavar="N")
    one.add_argument("--pause", type=float, default=0.02, metavar="SECONDS", help="between two deliveries")
    one.add_argument("--life", type=float, default=0.8, metavar="SECONDS", help="how long a box lives on average")
    one = kinds.add_parser("power", help="cut the power at every sync of a recording")
    one.add_argument("--deliveries", type=int, default=500, metavar="N")
    one.add_argument("--each", type=int, default=3, metavar="N", help="torn states of each kind at each cut")
    one.add_argument("--boots", type=int, default=20, metavar="N", help="states that a whole box is started on")
    return made


def _kills(folder: Path, seed: int, asked: dict[str, Any]) -> audit.Figures:
    minutes = asked.pop("minutes")
    return asyncio.run(kills.campaign(folder, kills.Size(seconds=60 * minutes, **asked), seed))


def _power(folder: Path, seed: int, asked: dict[str, Any]) -> powercut.Figures:
    return asyncio.run(powercut.campaign(folder, chance=Random(seed), **asked))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
