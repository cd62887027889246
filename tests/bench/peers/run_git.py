"""Runs commands of a peer's from a process that is small itself, since what a child seems to hold at most begins with
what its parent holds: python -I -S run_git.py, one JSON object a line in and out."""

import json
import os
import sys
import time


def main() -> None:
    """In: `{"commands": [argv...], "folder": path}`. Out: seconds, KiB of the largest process, milliseconds of
    computing, and the status of the command that failed."""
    for line in sys.stdin:
        asked = json.loads(line)
        began, peak, computed, failed = time.perf_counter(), 0, 0.0, 0
        for argv in asked["commands"]:
            _, status, usage = os.wait4(_begin(argv, asked["folder"]), 0)
            peak, computed = max(peak, usage.ru_maxrss), computed + usage.ru_utime + usage.ru_stime
            failed = os.waitstatus_to_exitcode(status)
            if failed:
                break
        told = {"seconds": time.perf_counter() - began, "kib": peak, "ms": round(1000 * computed), "failed": failed}
        print(json.dumps(told), flush=True)


def _begin(argv: list[str], folder: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        os.chdir(folder)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        os.execvp(argv[0], argv)
    finally:
        os._exit(127)


if __name__ == "__main__":
    main()
