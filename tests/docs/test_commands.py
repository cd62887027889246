"""Every command of the documents is typed and does what they say."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import scenes
from tests.docs.pages import PAGES, SHELLS, Typed, blocks, commands
from tests.docs.world import PERSON, World, world
from tests.house.tree import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(280)]
OTHERS = {"text", "toml", "ini", "yaml", "caddyfile", "nginx", "mermaid"}
REFERENCE = "docs/commands.md"
"""Its examples stand for themselves, each in front of a box with everything."""
WRITTEN = {page: commands(page) for page in PAGES}
ALL = [one for found in WRITTEN.values() for one in found]
RUN = {page: [one for one in found if one.text not in scenes.NOT_RUN] for page, found in WRITTEN.items()}


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    """One world for all documents; each takes for granted a box that runs, is connected and serves an app."""
    with world() as made:
        yield made


@pytest.mark.parametrize("page", [page for page, found in RUN.items() if found])
def test_its_commands_do_what_it_says(here: World, page: str) -> None:
    here.given()
    folder, wrong = here.home, []
    for one in RUN[page]:
        try:
            said, folder = typed(here, one, folder)
            here.said.append(said)
            if one.shown:
                assert_shown(here, one, said)
        except AssertionError as failure:  # the others are looked at, too
            wrong.append(str(failure))
        if page == REFERENCE and re.search(scenes.DISTURBING, one.text):
            here.given()
    assert wrong == [], "\n\n".join(wrong)


def typed(here: World, one: Typed, folder: Path) -> tuple[str, Path]:
    """Type a command; what it printed, and the folder one is in afterwards."""
    for pattern, before in scenes.BEFORE.items():
        if re.fullmatch(pattern, one.text, re.DOTALL):
            before(here)
    line = scenes.typed_for(here, one.text)
    if way := scenes.special(one.text):
        return way(here, line), folder
    told = here.folder / "where"
    done = here.run(f"{line}\npwd > {shlex.quote(str(told))}", folder)
    assert done.returncode == 0, f"{one}\n{line}\n{done.stdout}"
    return done.stdout, Path(told.read_text().strip())


def assert_shown(here: World, one: Typed, said: str) -> None:
    """What is printed beneath a command has the shape of what it printed here; `...` stands for anything, and alone on
    a line for any lines."""
    expected = [shape(line) for line in one.shown if line.strip()]
    printed = "".join(f"{shape(line)}\n" for line in as_printed(here, said).splitlines() if line.strip())
    lines = ["(.*\n)*" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n" for line in expected]
    assert re.fullmatch("".join(lines), printed), f"{one}\nshould show\n{expected}\nand shows\n{printed}"


def as_printed(here: World, said: str) -> str:
    """What was printed here, as it would be printed to the documents' reader."""
    said = said.replace(f"{here.github}/", "https://github.com/").replace(str(here.home), "~")
    for name, port in (("listen", "8787"), ("api", "8788"), ("apps", "8080")):
        said = said.replace(f":{here.ports[name]}", f":{port}")
    return re.sub(rf"\b{PERSON}\b", "YOU", said)


def shape(line: str) -> str:
    """A line without what is another each time: shas, ids, numbers but ports, and how wide its columns are."""
    line = re.sub(r"\b([0-9a-f]{7}|[0-9a-f]{40})\b", "SHA", line)
    line = re.sub(r"\b\d+ (s|min|h) ago\b", "now", line)
    line = re.sub(r"\b(dep|prj|tok)_\w+", r"\1_ID", line)
    line = re.sub(r"(?<![:\d.])\d+(\.\d+)?", "0", line)
    return " ".join(line.split())


def test_every_exception_is_one() -> None:
    """What no document needs any more is left out, and tests that are named are there."""
    texts = [one.text for one in ALL]
    unused = [pattern for pattern in scenes.STAND_INS if not any(re.search(pattern, text) for text in texts)]
    for table in (scenes.BEFORE, scenes.DONE):
        unused += [pattern for pattern in table if not any(re.fullmatch(pattern, text, re.DOTALL) for text in texts)]
    unused += [text for text in scenes.NOT_RUN if text not in texts]
    assert unused == []
    for text, elsewhere in scenes.NOT_RUN.items():
        file, _, name = elsewhere.test.partition("::")
        assert not file or f"def {name}(" in (ROOT / file).read_text(), f"{text}: there is no {elsewhere.test}"


def test_every_block_says_what_it_is() -> None:
    """A block without a language could hold commands that nobody tries."""
    assert [f"{block.page}:{block.line}" for page in PAGES for block in blocks(page) if not block.language] == []
    assert {block.language for page in PAGES for block in blocks(page)} <= {*SHELLS, *OTHERS}
