"""The documents as those who follow them read them: blocks of commands, and what is printed beneath a command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tests.house.tree import ROOT

PAGES: Final = {
    path.relative_to(ROOT).as_posix(): path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
SHELLS: Final = ("sh", "bash", "console")
_FENCE: Final = re.compile(r"^( *)```(\S*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_REMARK: Final = re.compile(r"\s+#\s.*$")
_HERE: Final = re.compile(r"<<\s*'?(\w+)'?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block: its language, where it stands, and its lines without the indentation of the fence."""

    page: str
    line: int
    language: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """One command as it is printed, without the remark behind it, and what is shown beneath it."""

    page: str
    line: int
    text: str
    shown: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


def blocks(page: str) -> Iterator[Block]:
    """Every fenced block of a page, in order."""
    text = PAGES[page].read_text()
    for found in _FENCE.finditer(text):
        line = text[: found.start()].count("\n") + 2
        inner = re.sub(rf"^{found[1]}", "", found[3], flags=re.MULTILINE)
        yield Block(page=page, line=line, language=found[2], text=inner)


def commands(page: str) -> list[Typed]:
    """Every command of a page, in order."""
    return [one for block in blocks(page) if block.language in SHELLS for one in _commands(block)]


def _commands(block: Block) -> Iterator[Typed]:
    """The commands of a block: a line each, or more where a line ends in a backslash or opens a here-document. In a
    `console` block they stand behind a `$`, and what lies between is what they print."""
    lines = iter(enumerate(block.text.splitlines(), block.line))
    current: Typed | None = None
    for number, line in lines:
        prompted = line.startswith("$ ")
        if block.language == "console" and not prompted:
            assert current is not None, f"{block.page}:{number}: output before any command"
            current.shown.append(line)
            continue
        if current is not None:
            yield current
        current = None
        text = line.removeprefix("$ ") if prompted else line
        while text.endswith("\\"):
            text += f"\n{next(lines)[1]}"
        if here := _HERE.search(text):
            while (more := next(lines)[1]) != here[1]:
                text += f"\n{more}"
            text += f"\n{here[1]}\n"
        else:
            text = _REMARK.sub("", text).strip()
        if text and not text.startswith("#"):
            current = Typed(page=block.page, line=number, text=text)
    if current is not None:
        yield current
