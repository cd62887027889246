"""The verbs: install (which upgrades what is there), upgrade, uninstall, and two for keys."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from nanoscale_box.service.install import drop_old_keys, install, new_key, uninstall
from nanoscale_box.service.layout import Layout
from nanoscale_box.service.machine import Trouble, say


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb; give the exit status."""
    parser = argparse.ArgumentParser(
        prog="install-service", description="Make nanoscale-box a service of this machine."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("install", help="install this version, or bring an installed one to it")
    verbs.add_parser("upgrade", help="the same; goes back when this version does not come up")
    removing = verbs.add_parser("uninstall", help="stop everything and remove the service; what it kept stays")
    removing.add_argument("--purge", action="store_true", help="also remove projects, data of apps, keys and settings")
    verbs.add_parser("new-key", help="put a new encryption key before the others")
    verbs.add_parser("drop-old-keys", help="keep the newest encryption key alone, once nothing needs the others")
    options = parser.parse_args(argv)
    os.umask(0o022)
    try:
        match options.verb:
            case "uninstall":
                uninstall(Layout(), purge=options.purge)
            case "new-key":
                new_key(Layout())
            case "drop-old-keys":
                drop_old_keys(Layout())
            case _:
                install(Layout())
    except Trouble as trouble:
        say(f"nanoscale-box: {trouble}.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
