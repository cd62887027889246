"""Fields of a form: a label, what is typed, and beneath it what is wrong with it or what will come of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from nanoscale_box.tui.plain import Tone, join, plain
from nanoscale_box.wire import shapes

_LONGEST_NAME = 40


class Field(Vertical):
    """One line to type in, and one line that answers."""

    def __init__(self, label: str, *, placeholder: str, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes="field")
        self._label = label
        self._told = Content("")
        self.input = Input(placeholder=placeholder, compact=True)
        self._answer = Static(classes="answer -silent")

    def compose(self) -> ComposeResult:
        with Horizontal(classes="line"):
            yield Static(Content(self._label), classes="label")
            yield self.input
        yield self._answer

    @property
    def value(self) -> str:
        """What is typed, without blanks around it."""
        return self.input.value.strip()

    def complain(self, sentence: str) -> None:
        """Say what is wrong with it; an empty sentence: nothing is."""
        self.set_class(bool(sentence), "-wrong")
        self._show(plain(f"✕ {sentence}", Tone.BAD) if sentence else self._told)

    def tell(self, told: Content) -> None:
        """Say what comes of it."""
        self._told = told
        if not self.has_class("-wrong"):
            self._show(told)

    def _show(self, words: Content) -> None:
        self._answer.update(words)
        self._answer.set_class(not words, "-silent")


def suggested(source: str, taken: Collection[str]) -> str:
    """The name the box will choose for a repository, by the same rule."""
    last = source.rstrip("/").removesuffix(".git").rsplit("/", 1)[-1]
    letters = unicodedata.normalize("NFKD", last[:200]).encode("ascii", "ignore").decode("ascii").lower()
    name = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")[:_LONGEST_NAME].strip("-")
    if not name or name not in taken:
        return name
    return next(made for number in range(2, 10_000) if (made := f"{name[:34].rstrip('-')}-{number}") not in taken)


def address(name: str, known: Iterable[shapes.Project]) -> Content:
    """Where an app of this name will answer, as far as other apps' addresses tell."""
    if not name:
        return plain("The name becomes part of the address.", Tone.DIM)
    for project in known:
        scheme, _, host = project.url.partition("://")
        if host.startswith(f"{project.name}."):
            made = f"{scheme}://{name}{host.removeprefix(project.name)}"
            return join(plain("answers at ", Tone.DIM), plain(made, Tone.LINK))
    return join(plain("answers at ", Tone.DIM), plain(f"{name}.", Tone.LINK), plain("the box's domain", Tone.DIM))
