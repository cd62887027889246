"""The commands and their arguments as data; imports argparse only, so that `--help` is quick."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

PROGRAM: Final = "nanoscale-box"
USAGE_ERROR: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument, as argparse takes it."""

    names: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: its words, what it does, examples, and the function that does it (`module:function` here)."""

    words: str
    does: str
    examples: tuple[str, ...]
    handler: str
    arguments: tuple[Argument, ...] = ()


class Parser(argparse.ArgumentParser):
    """Says what was wrong and what was probably meant."""

    def error(self, message: str) -> NoReturn:
        """Print the mistake, a suggestion for a mistyped word, and where help is; exit 2."""
        hint = f"see: {self.prog} --help"
        wrong, _, choices = message.partition("invalid choice: ")[2].partition(" (choose from ")
        if choices:
            known = [word.strip(" '\")") for word in choices.split(",")]
            close = difflib.get_close_matches(wrong.strip("'\" "), known, n=1)
            message = f"there is no command {wrong}"
            hint = f"did you mean: {self.prog} {close[0]}" if close else hint
        sys.stderr.write(f"{PROGRAM}: {message}\n  {hint}\n")
        sys.exit(USAGE_ERROR)


def build_parser(commands: Sequence[Command], version: str) -> argparse.ArgumentParser:
    """The parser of all commands; nested words become nested parsers."""
    top = _parser(PROGRAM, "Push to GitHub, and it is live on your own machine.", _OVERVIEW)
    top.add_argument("--version", action="version", version=f"{PROGRAM} {version}")
    groups: dict[str, Any] = {"": top.add_subparsers(metavar="COMMAND", title="commands", parser_class=Parser)}
    for command in commands:
        *outer, last = command.words.split()
        at = ""
        for word in outer:
            inner = f"{at} {word}".strip()
            if inner not in groups:
                made = _add(groups[at], word, _GROUPS[inner], ())
                made.set_defaults(handler="", group=made)
                groups[inner] = made.add_subparsers(metavar="COMMAND", title="commands", parser_class=Parser)
            at = inner
        parser = _add(groups[at], last, command.does, command.examples)
        parser.set_defaults(handler=command.handler)
        for argument in command.arguments:
            parser.add_argument(*argument.names, **argument.options)
        parser.add_argument("--json", action="store_true", help="print JSON for programs")
    return top


def _add(group: Any, word: str, does: str, examples: Sequence[str]) -> argparse.ArgumentParser:  # noqa: ANN401
    made: argparse.ArgumentParser = group.add_parser(
        word,
        help=does,
        description=_described(does, examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    return made


def _parser(program: str, does: str, examples: Sequence[str]) -> Parser:
    return Parser(
        prog=program,
        description=_described(does, examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _described(does: str, examples: Sequence[str]) -> str:
    shown = "".join(f"  {PROGRAM} {example}\n" for example in examples)
    return f"examples:\n{shown}\n{does}" if shown else does


_OVERVIEW: Final = (
    "                      open the terminal UI",
    "serve                 run the box without a screen",
    "demo                  see it work on a simulated GitHub",
    "status                what runs, and what needs you",
    "why PROJECT           what became of the last pushes",
)
_GROUPS: Final = {
    "github": "connect a GitHub account and look at what it offers",
    "projects": "create, list, change and delete projects",
    "env": "the environment variables of a project",
}
