"""The documents say what is true: whatever has a name is documented, links lead somewhere, commands are real."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from nanoscale_box.cli import main as cli
from nanoscale_box.cli.commands import COMMANDS
from nanoscale_box.config import VARIABLES, read_settings
from nanoscale_box.core.errors import Code, ConfigurationError
from nanoscale_box.core.lifecycle import DeploymentState
from nanoscale_box.core.plan_model import PlanKind
from nanoscale_box.core.plan_toml import _COMMANDS, _HEALTH
from nanoscale_box.engine.crashpoints import OF_A_DEPLOYMENT, POINTS, STEPS
from nanoscale_box.tui import prefs as tui
from nanoscale_box.web.local import build_local
from nanoscale_box.web.public import build_public
from nanoscale_box.wire import requests
from tests.docs.pages import SHELLS
from tests.house import docs
from tests.house.tree import PRODUCT, ROOT, sources
from tests.web.fake_engine import FakeEngine

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(docs.DOCS.rglob("*.md"))]
FENCE = re.compile(r"^```(\S*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)


def page(name: str) -> str:
    """A document's text."""
    return (docs.DOCS / name).read_text()


def section(text: str, heading: str) -> str:
    """What stands below a heading, until the next one of its rank or a higher one."""
    rank = heading.partition(" ")[0]
    found = re.search(rf"^{re.escape(heading)}$(.*?)(?=^#{{1,{len(rank)}}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no heading {heading!r}"
    return found[1]


def rows(text: str) -> set[str]:
    """What the tables of a text are about: the code in their first column."""
    return set(ROW.findall(text))


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", text)


def anchors(path: Path) -> set[str]:
    """What can be linked to within a page, as GitHub makes it from headings."""
    headings = re.findall(r"^#+ (.+)$", prose(path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def typed(text: str) -> Iterator[str]:
    """Every command line of ours in the shell blocks of a text, without our name."""
    for language, block in FENCE.findall(text):
        if language in SHELLS:
            for line in block.replace("\\\n", " ").splitlines():
                words = line.removeprefix("$ ").split(" #")[0].partition(" > ")[0].strip()
                for name in ("./scripts/box", "nanoscale-box"):
                    if words == name or words.startswith(f"{name} "):
                        yield words.removeprefix(name).strip()


def verdict_codes() -> set[str]:
    """Every code that a verdict is given besides those of errors, as the code itself has it."""
    found = {"queued"}
    for source in (*sources(PRODUCT / "core"), *sources(PRODUCT / "engine")):
        for call in (node for node in ast.walk(source.syntax) if isinstance(node, ast.Call)):
            called = ast.unparse(call.func)
            given = [word.value for word in call.keywords if word.arg == "code" and called in ("Ignore", "Verdict")]
            given += call.args[3:4] if called == "conclude" else []
            found |= {str(one.value) for one in given if isinstance(one, ast.Constant)}
    return found


@pytest.mark.parametrize("path", docs.made(), ids=lambda path: str(path.name))
def test_what_is_made_from_the_code_is_made_anew(path: Path) -> None:
    assert path.read_text() == docs.made()[path], "run scripts/renew-docs"


def test_every_setting_is_documented_and_no_other() -> None:
    text = page("configuration.md")
    others = {*tui.VARIABLES, "NANOSCALE_TEST_REQUIRE", "NANOSCALE_TEST_SIZE", "NANOSCALE_PYTHON"}
    assert rows(text) == {*VARIABLES, *others}
    named = {name for path in PAGES for name in re.findall(r"NANOSCALE_[A-Z_]*[A-Z]", path.read_text())}
    assert named - {*VARIABLES, *others} == set()


def test_defaults_and_ranges_of_settings_are_those_documented(subtests: pytest.Subtests) -> None:
    unset = {"HOME": "/home/ada"}
    for row in re.findall(r"^\| `NANOSCALE_\w+`.*$", page("configuration.md"), re.MULTILINE):
        name, *cells = [cell.strip() for cell in row.strip("|").split("|")]
        name, meaning = name.strip("`"), cells[-1]
        with subtests.test(name=name):
            if len(cells) > 1 and (default := re.fullmatch(r"`([^`$]+)`", cells[0])):
                assert read_settings(unset | {name: default[1]}) == read_settings(unset)
            if bounds := re.search(r"\b(\d+) to (\d+)\b", meaning):
                lowest, highest = int(bounds[1]), int(bounds[2])
                for inside in (lowest, highest):
                    read_settings(unset | {name: str(inside)})
                for outside in (lowest - 1, highest + 1):
                    with pytest.raises(ConfigurationError):
                        read_settings(unset | {name: str(outside)})


def test_every_command_is_documented() -> None:
    headings = set(re.findall(r"^### (.+)$", page("commands.md"), re.MULTILINE))
    assert headings == {command.words for command in COMMANDS}


async def test_every_route_is_documented_with_its_method() -> None:
    services = FakeEngine().services()
    served = {
        f"{route.method} {route.resource.canonical}"
        for app in (build_local(services), build_public(services))
        for route in app.router.routes()
        if route.resource and route.method != "HEAD"
    }
    assert rows(page("api.md")) == served


def test_every_field_of_a_request_is_documented() -> None:
    kinds = [kind for kind in vars(requests).values() if isinstance(kind, type) and issubclass(kind, requests.Request)]
    fields = {field for kind in kinds for field in kind.__struct_fields__}
    assert len(fields) > 15
    assert {field for field in fields if not re.search(rf"\b{field}\b", page("api.md"))} == set()


def test_every_error_code_is_documented() -> None:
    assert rows(section(page("troubleshooting.md"), "## Error codes")) == {code.value for code in Code}


def test_every_verdict_code_is_documented() -> None:
    assert rows(section(page("troubleshooting.md"), "## Verdicts")) == verdict_codes()


def test_every_state_is_documented() -> None:
    assert rows(section(page("troubleshooting.md"), "## States of a deployment")) == {
        str(one) for one in DeploymentState
    }


def test_every_key_of_the_repositorys_own_file_is_documented() -> None:
    keys = re.findall(r"^([a-z_]+) =", section(page("building.md"), "## nanoscale.toml"), re.MULTILINE)
    assert keys == [*_COMMANDS, *_HEALTH]


def test_every_moment_to_crash_at_is_documented_and_died_at() -> None:
    told = section(page("proofs.md"), "## Killed at every named moment")
    named = {row.split(":")[0].strip("`") for row in re.findall(r"^\| (`[^|]+?) \|", told, re.MULTILINE)}
    steps = next(row for row in told.splitlines() if "each `begun` and `done`" in row)
    of_steps = {f"{step} {moment}" for step in STEPS for moment in ("begun", "done") if f"`{step}`" in steps}
    assert {one for one in named if "each" not in one} | of_steps == {*POINTS}
    tests = "".join(path.read_text() for path in (ROOT / "tests" / "e2e").glob("test_crashes*.py"))
    assert [point for point in POINTS if point not in OF_A_DEPLOYMENT and f'"{point}"' not in tests] == []


def test_every_kind_of_plan_is_documented() -> None:
    assert rows(section(page("building.md"), "## What is detected")) == {str(kind) for kind in PlanKind}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    broken = []
    for link in LINK.findall(prose(path.read_text())):
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if "://" in link:
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_line_is_real(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in typed(path.read_text()):
        try:
            cli.parse(shlex.split(line)) if line else None
        except SystemExit as ended:
            assert ended.code == 0, f"{line}: {capsys.readouterr().err}"


def test_every_command_that_is_mentioned_is_real(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = []
    for path in PAGES:
        for line in re.findall(r"`(?:\./scripts/box|nanoscale-box) ([a-z][^`]*)`", prose(path.read_text())):
            try:
                cli.parse(shlex.split(" ".join(line.split())))
            except SystemExit as ended:
                if ended.code:
                    wrong.append(f"{path.name}: {line}: {capsys.readouterr().err}")
    assert wrong == []


def sentences() -> Iterator[tuple[str, str]]:
    """Every text that the box says, with where it stands; what is filled in is an X."""
    for source in sources(PRODUCT):
        for node in ast.walk(source.syntax):
            if isinstance(node, ast.JoinedStr):
                parts = (str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
                yield source.at(node), "".join(parts)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield source.at(node), node.value


def test_every_command_that_the_box_names_is_real() -> None:
    options = {
        one.words: {"--help", "--json", *(name for arg in one.arguments for name in arg.names)} for one in COMMANDS
    }
    options["projects set"] |= {"--no-wait-for-ci"}
    verbs = {words.split()[0] for words in options}
    named, wrong = 0, []
    for place, text in sentences():
        for before, line in re.findall(r"(: |\(|`|run )?nanoscale-box ((?:[a-z][a-z-]*)(?: [^\s,;:()`]+)*)", text):
            words = line.split()
            if not before and words[0] not in verbs:
                continue  # it speaks of the box
            command = next((found for n in (2, 1) if (found := " ".join(words[:n])) in options), "")
            named += 1
            if not command or {word for word in words if word.startswith("--")} - options[command]:
                wrong.append(f"{place}: {line}")
    assert "\n".join(wrong) == ""
    assert named > 50


def test_every_document_is_linked_from_the_readme() -> None:
    linked = set(LINK.findall((ROOT / "README.md").read_text()))
    assert {f"docs/{path.name}" for path in docs.DOCS.glob("*.md")} - linked == set()


def test_every_document_is_linked_from_the_index() -> None:
    linked = {link.partition("#")[0] for link in LINK.findall(page("README.md"))}
    assert {path.name for path in docs.DOCS.glob("*.md")} - linked == {"README.md"}
