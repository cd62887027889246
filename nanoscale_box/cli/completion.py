"""`completion`: what makes a shell complete the commands."""

from __future__ import annotations

import argparse
import sys
from argparse import Namespace

import shtab

from nanoscale_box.cli.main import parser
from nanoscale_box.cli.mistakes import FAILED, Mistake
from nanoscale_box.cli.printing import Printer


def completion(options: Namespace, printer: Printer) -> int:
    """Print the shell's own script; it holds every command and option of this version."""
    if options.shell not in shtab.SUPPORTED_SHELLS:
        known = " and ".join(shell for shell in ("bash", "zsh", "fish") if shell in shtab.SUPPORTED_SHELLS)
        raise Mistake(
            f"the installed shtab cannot complete for {options.shell}, only for {known}",
            "install a newer shtab beside nanoscale-box",
            status=FAILED,
        )
    commands = parser()
    for action in _actions(commands):
        if action.dest == "file":
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    script: str = shtab.complete(commands, options.shell)
    if options.json:
        printer.data({"shell": options.shell, "script": script})
    else:
        sys.stdout.write(script)
    return 0


def _actions(commands: argparse.ArgumentParser) -> list[argparse.Action]:
    """Every argument of every command below."""
    found: list[argparse.Action] = []
    for action in commands._actions:  # noqa: SLF001 - argparse gives them nowhere else
        found.append(action)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            found += [inner for one in action.choices.values() for inner in _actions(one)]
    return found
