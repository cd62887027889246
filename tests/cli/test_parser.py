"""Command lines: mistakes, suggestions, help; and that every command is whole."""

from __future__ import annotations

import importlib

import pytest

from nanoscale_box.cli import main as cli
from nanoscale_box.cli.commands import COMMANDS
from nanoscale_box.cli.parser import Command
from tests.cli.conftest import Told

NAMES = [command.words for command in COMMANDS]


def said(capsys: pytest.CaptureFixture[str], *words: str) -> Told:
    """Parse something that ends there."""
    with pytest.raises(SystemExit) as ended:
        cli.parse(words)
    out, err = capsys.readouterr()
    return Told(status=int(ended.value.code or 0), out=out, err=err)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("stat", "nanoscale-box status"),
        ("project", "nanoscale-box projects"),
        ("github conect", "nanoscale-box github connect"),
        ("env sett hello", "nanoscale-box env set"),
        ("deploy --jsno hello", "nanoscale-box deploy --json"),
        ("projects create --brunch=main", "nanoscale-box projects create --branch"),
        ("demo psh", "nanoscale-box demo push"),
        ("completion bsh", "nanoscale-box completion bash"),
        ("--verison", "nanoscale-box --version"),
    ],
)
def test_a_mistyped_word_is_2_with_what_was_meant(capsys: pytest.CaptureFixture[str], words: str, meant: str) -> None:
    told = said(capsys, *words.split())
    assert (told.status, told.out) == (2, "")
    assert told.err.splitlines()[1] == f"  did you mean: {meant}"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["xyzzy"], "there is no command 'xyzzy'"),
        ([""], "there is no command ''"),
        (["deploy"], "the following arguments are required: PROJECT"),
        (["deploy", "a", "b"], "'b' is one argument too many"),
        (["logs", "a", "--tail", "x"], "--tail: 'x' is not a whole number"),
        (["logs", "a", "--tail", "-1"], "--tail: '-1' is not a whole number"),
        (["completion", "tcsh"], "shell is one of bash, zsh, fish, not 'tcsh'"),
        (["--xyzzy"], "there is no option --xyzzy"),
    ],
)
def test_other_mistakes_are_2_with_where_help_is(
    capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    told = said(capsys, *words)
    assert (told.status, told.out) == (2, "")
    assert told.err.splitlines()[0] == f"nanoscale-box: {sentence}"
    assert told.err.splitlines()[1].startswith("  see: nanoscale-box")


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_every_command_has_help_with_examples_first(capsys: pytest.CaptureFixture[str], command: Command) -> None:
    told = said(capsys, *command.words.split(), "--help")
    assert told.status == 0
    examples, _, rest = told.out.partition(command.does)
    assert f"examples:\n  nanoscale-box {command.examples[0]}\n" in examples
    assert "--json" in rest


@pytest.mark.parametrize("words", ["", "github", "projects", "env"])
def test_help_is_a_word_and_a_group_tells_its_commands(capsys: pytest.CaptureFixture[str], words: str) -> None:
    asked = said(capsys, *words.split(), "--help")
    assert said(capsys, "help", *words.split()) == asked
    assert asked.status == 0
    if words:
        assert said(capsys, words) == asked


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_every_command_is_carried_out_by_something(command: Command) -> None:
    names = [command.check] if command.check else []
    names += [command.handler] if not command.handler.startswith("front:") else []
    for name in names:
        module, _, function = name.partition(":")
        assert callable(getattr(importlib.import_module(f"nanoscale_box.cli.{module}"), function))
    assert command.handler.partition(":")[0] in ("front", *[name.partition(":")[0] for name in names])


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_every_example_is_a_right_command_line(command: Command) -> None:
    for example in command.examples:
        words = example.partition(" >")[0].replace('"npm run build"', "x").split()
        options = cli.parse(words)
        assert options.handler == command.handler, example
