"""The parts of the documents that are made from the code: the commands, and the life of a deployment."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from nanoscale_box.cli.commands import COMMANDS
from nanoscale_box.cli.parser import GROUPS, PROGRAM, Argument, Command
from nanoscale_box.core.lifecycle import TRANSITIONS
from tests.house.tree import ROOT

DOCS: Final = ROOT / "docs"
_BEGIN, _END = "<!-- made by scripts/renew-docs -->", "<!-- end of what is made -->"
_INTRODUCTION: Final = f"""# Commands

<!-- This file is made from nanoscale_box/cli/commands.py by scripts/renew-docs; do not edit it by hand. -->

`{PROGRAM}` without a command opens the terminal UI. All commands but `serve`, `demo`, `completion` and `openapi` are
clients of a box that runs; they find it by `NANOSCALE_SOCKET`, else at your own socket, else at the service's.

- `--help` after any command, or `help` before it, shows it with examples. `{PROGRAM} --version` tells the version.
- `--json` prints the API's own body, a line each for streams, and does not wait for a deployment's end. `status` gives
  `{{"github", "projects"}}`, the bodies of both.
- Data goes to standard output; talk, and errors with what to do next, to standard error. With `--json` an error is a
  problem document.
- Colour is for terminals only, and never with `NO_COLOR` set. Pipes get plain text.
- A project is named by its name or id.
- Exit statuses: 0 done, 1 failed, 2 wrong usage, 69 no box answers, 78 wrong settings, 130 ctrl-c.
"""


def commands() -> str:
    """docs/commands.md, whole."""
    sections: dict[str, list[Command]] = {}
    for command in COMMANDS:
        first = command.words.partition(" ")[0]
        sections.setdefault(first if first in GROUPS else "", []).append(command)
    parts = [_INTRODUCTION]
    for group, members in sections.items():
        parts.append(f"## {group}\n\n{_sentence(GROUPS[group])}\n" if group else "## The box and its deployments\n")
        parts += map(_command, members)
    return "\n".join(parts)


def lifecycle() -> str:
    """The states of a deployment as a Mermaid diagram."""
    lines = [
        f"    {state} --> {after}" for state, follow in TRANSITIONS.items() for after in TRANSITIONS if after in follow
    ]
    ends = [f"    {state} --> [*]" for state, follow in TRANSITIONS.items() if not follow]
    first = next(iter(TRANSITIONS))
    return "\n".join(["```mermaid", "stateDiagram-v2", f"    [*] --> {first}", *lines, *ends, "```"])


def architecture(text: str) -> str:
    """docs/architecture.md with its diagram made anew."""
    before, _, rest = text.partition(_BEGIN)
    _, found, after = rest.partition(_END)
    if not found:
        raise ValueError(f"docs/architecture.md has no place between {_BEGIN} and {_END}")
    return f"{before}{_BEGIN}\n{lifecycle()}\n{_END}{after}"


def made() -> dict[Path, str]:
    """Every document that is made, wholly or in part, as it should be."""
    drawn = DOCS / "architecture.md"
    return {DOCS / "commands.md": commands(), drawn: architecture(drawn.read_text())}


def _command(command: Command) -> str:
    words = " ".join([command.words, *(_usage(one) for one in command.arguments), "[--json]"])
    examples = "".join(f"{PROGRAM} {example}\n" for example in command.examples)
    rows = [f"| `{_names(one)}` | {one.options['help']} |" for one in command.arguments if "help" in one.options]
    table = "\n" + "\n".join(["| | |", "|---|---|", *rows]) + "\n" if rows else ""
    return f"### {command.words}\n\n{_sentence(command.does)}\n\n    {words}\n\n```sh\n{examples}```\n{table}"


def _usage(one: Argument) -> str:
    """An argument as it stands in a usage line, in brackets when it may be left out."""
    shown = _names(one).partition(", ")[0]
    optional = shown.startswith("-") or one.options.get("nargs") in ("?", "*")
    more = " ..." if one.options.get("nargs") in ("*", "+") or one.options.get("action") == "append" else ""
    return f"[{shown}]{more}" if optional else f"{shown}{more}"


def _names(one: Argument) -> str:
    """An argument's names with what follows them."""
    choices = "|".join(one.options.get("choices", ()))
    value = one.options.get("metavar") or choices
    if not one.names[0].startswith("-"):
        return value or one.names[0].upper()
    flag = one.options.get("action") in ("store_true", argparse.BooleanOptionalAction)
    return ", ".join(name if flag else f"{name} {value}" for name in one.names)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def main() -> int:
    """Write what is made."""
    for path, text in made().items():
        path.write_text(text)
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
