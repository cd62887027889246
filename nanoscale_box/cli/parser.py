"""The commands and their arguments as data; imports argparse only, so that `--help` is quick."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterable, Sequence
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
    check: str = ""
    """A function that looks at the arguments before the box is dialled."""
    offline: bool = False
    """Whether it works without any box."""


class Parser(argparse.ArgumentParser):
    """Says what was wrong and what was probably meant."""

    def error(self, message: str) -> NoReturn:
        """Print the mistake, a suggestion for a mistyped word, and where help is; exit 2."""
        place, _, said = message.removeprefix("argument ").partition(": invalid choice: ")
        wrong, _, choices = said.partition(" (choose from ")
        if not choices:
            self.refuse(message.removeprefix("argument "), "")
        wrong = wrong.strip("'\" ")
        known = [word.strip(" '\")") for word in choices.split(",")]
        if place == "COMMAND":
            self.refuse(f"there is no command {wrong!r}", meant(wrong, known, self.prog))
        self.refuse(f"{place} is one of {', '.join(known)}, not {wrong!r}", meant(wrong, known, self.prog))

    def refuse(self, message: str, hint: str) -> NoReturn:
        """Print a mistake and exit 2; without a hint it says where help is."""
        sys.stderr.write(f"{PROGRAM}: {message}\n  {hint or f'see: {self.prog} --help'}\n")
        sys.exit(USAGE_ERROR)

    def options(self) -> list[str]:
        """Every option this parser knows."""
        return [name for action in self._actions for name in action.option_strings]


def parse_with(parser: Parser, argv: Sequence[str]) -> argparse.Namespace:
    """Parse; what is left over is a mistake of the command it was given to."""
    options, left = parser.parse_known_args(argv)
    if left:
        inner: Parser = getattr(options, "parser", parser)
        wrong = left[0].partition("=")[0]
        if wrong.startswith("-"):
            inner.refuse(f"there is no option {wrong}", meant(wrong, inner.options(), inner.prog))
        inner.refuse(f"{wrong!r} is one argument too many", "")
    if not hasattr(options, "handler"):
        parser.refuse("there is no command given", "")
    return options


def meant(wrong: str, known: Iterable[str], prog: str) -> str:
    """What to type instead of a mistyped word; empty when nothing is near."""
    close = difflib.get_close_matches(wrong, list(known), n=1)
    return f"did you mean: {prog} {close[0]}" if close else ""


def whole_number(text: str) -> int:
    """A number of things, as an option takes it."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def number_or_none(text: str) -> int | str:
    """A number, or nothing at all, which goes back to the default."""
    return whole_number(text) if text else text


def arg(*names: str, **options: Any) -> Argument:  # noqa: ANN401 - what argparse takes
    """An argument of a command."""
    return Argument(names=names, options=options)


LIMIT: Final = arg("--limit", type=whole_number, default=20, metavar="N", help="how many at the most (20)")


def build_parser(commands: Sequence[Command], version: str) -> Parser:
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
                made = _add(groups[at], word, GROUPS[inner], ())
                made.set_defaults(handler="", parser=made)
                groups[inner] = made.add_subparsers(metavar="COMMAND", title="commands", parser_class=Parser)
            at = inner
        parser = _add(groups[at], last, command.does, command.examples)
        parser.set_defaults(handler=command.handler, parser=parser, check=command.check, offline=command.offline)
        for argument in command.arguments:
            parser.add_argument(*argument.names, **argument.options)
        parser.add_argument("--json", action="store_true", help="print JSON for programs")
    return top


def _add(group: Any, word: str, does: str, examples: Sequence[str]) -> Parser:  # noqa: ANN401
    made: Parser = group.add_parser(
        word,
        help=does,
        description=_described(does, examples),
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    return made


def _parser(program: str, does: str, examples: Sequence[str]) -> Parser:
    return Parser(
        prog=program,
        description=_described(does, examples),
        formatter_class=_Formatter,
        allow_abbrev=False,
    )


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps examples as they are, and the names of options in one column."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26)


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
GROUPS: Final = {
    "github": "connect a GitHub account and look at what it offers",
    "projects": "create, list, change and delete projects",
    "env": "the environment variables of a project",
    "secrets": "renew what the box shares with GitHub",
    "keys": "the keys that seal the box's secrets",
    "token": "bearer tokens for the API over TCP",
}
"""What the words before a command's last one stand for."""
