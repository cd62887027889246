"""Runs the benches that are named, or all: python -m tests.bench [--json] [NAME...]."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import Final

from tests.bench import building, faces, flood, ingest, pushing, source, stores, switching
from tests.bench.peers.start import Missing
from tests.bench.report import Line

BENCHES: Final[dict[str, Callable[[], Iterator[Line]]]] = {
    "ingest.octokit": ingest.against_octokit,
    "ingest.webhook": ingest.against_webhook,
    "ingest.p99": ingest.p99,
    "ack.while_building": building.while_building,
    "source.first": source.first,
    "source.redeploy": source.redeploy,
    "source.check": source.check,
    "push_to_live": pushing.push_to_live,
    "rollback": pushing.rollback,
    "switch": switching.switch,
    "lists": faces.lists,
    "attach": faces.attach,
    "logs": flood.logs,
    "boot.10k": stores.boot,
    "store.million": stores.million,
    "idle": stores.idle,
}


def main(arguments: list[str]) -> int:
    """0 when every budget is kept, 1 when one is missed, 2 for a bench there is not."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure the box, against named peers in the same run.")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.names if name not in BENCHES]
    if unknown:
        parser.error(f"there is no bench {unknown[0]}; there are {', '.join(BENCHES)}")
    kept = True
    for name in asked.names or BENCHES:
        try:
            for line in BENCHES[name]():
                print(line.as_json() if asked.json else line.as_text(), flush=True)
                kept = kept and line.ok
        except Missing as why:
            print(f"skipped {name}: {why}", file=sys.stderr)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
