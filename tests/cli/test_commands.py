"""What the commands print for people: plain columns, a sentence for every failure, and what to do next."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nanoscale_box.core.errors import Code
from nanoscale_box.core.lifecycle import DeploymentState
from nanoscale_box.core.model import Event, EventKind, Failure
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.records import Page
from nanoscale_box.engine.views import Drift, NewProject
from tests.cli.conftest import Type
from tests.web.fake_engine import FakeEngine, FakeFeed, FakeLogs, FoundThing
from tests.web.samples import NOW, deployment


def happened(engine: FakeEngine, *states: DeploymentState) -> None:
    """The deployment goes through these states, as the feed tells them."""
    for number, state in enumerate(states, 1):
        one = replace(deployment(), state=state)
        told = {"state": state.value, "number": one.number}
        engine.feed.events.append(
            Event(id=number, kind=EventKind.DEPLOYMENT, at=NOW, data=told, deployment_id=one.id, project_id="prj_1")  # type: ignore[arg-type]
        )
    engine.projects.latest = replace(deployment(), state=states[-1])


async def test_status(box: Type) -> None:
    told = await box("status")
    lines = told.out.splitlines()
    assert lines[0] == "GitHub: connected as octo, webhook"
    assert lines[1].startswith("● live  hello  main  aaaaaaa [/foo] <script>")
    assert lines[1].endswith("http://hello.localhost:8080")
    assert (told.status, told.err) == (0, "")


async def until_waited_for(source: FakeFeed | FakeLogs) -> None:
    """Return once somebody waits for news of it."""
    while not source.bell._waiters:  # noqa: ASYNC110 - an Event tells nobody who waits for it
        await asyncio.sleep(0.01)


def tell(engine: FakeEngine, event: Event) -> None:
    """Something happens now."""
    engine.feed.events.append(event)
    rung, engine.feed.bell = engine.feed.bell, asyncio.Event()
    rung.set()


@pytest.mark.parametrize(
    "words",
    [
        "status", "doctor", "projects list", "projects show hello", "deployments hello", "why",
        "why hello", "env list hello", "github status", "github repos", "github branches octo/hello",
        "pause hello", "down",
    ],
)  # fmt: skip
async def test_what_succeeds_is_0_and_plain(box: Type, words: str) -> None:
    told = await box(*words.split())
    assert told.status == 0
    assert told.out or told.err
    assert "\x1b" not in told.out + told.err


@pytest.mark.parametrize(
    "words",
    [
        "projects show other", "projects delete other --confirm other", "cancel other",
        "logs other", "projects create --repo octo/none", "github branches octo/none",
    ],
)  # fmt: skip
async def test_what_is_not_there_is_1_with_a_sentence(box: Type, words: str) -> None:
    told = await box(*words.split())
    assert (told.status, told.out) == (1, "")
    assert told.err.startswith("nanoscale-box: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("projects create", "one source"),
        ("projects create --repo a/b --url https://x/y", "one source"),
        ("projects create --repo a/b --env A", "'A' is not of the form KEY=VALUE"),
        ("projects set hello", "nothing to change"),
        ("env set hello", "no variable was given"),
        ("env set hello A", "'A' is not of the form KEY=VALUE"),
        ("env set hello --file nowhere.env", "nowhere.env cannot be read: No such file or directory"),
        ("rollback hello --to twelve", "'twelve' is not the number"),
        ("github disconnect", "running apps stay up"),
    ],
)
async def test_mistakes_are_2_even_without_a_box(nowhere: Path, typed: Type, words: str, said: str) -> None:
    told = await typed(*words.split())
    assert (told.status, told.out) == (2, "")
    sentence, hint = told.err.splitlines()
    assert sentence.startswith("nanoscale-box: ") and said in sentence
    assert hint.startswith("  ")


async def test_no_box_is_69_and_says_how_to_start_one(nowhere: Path, typed: Type) -> None:
    told = await typed("status")
    assert (told.status, told.out) == (69, "")
    assert str(nowhere) in told.err
    assert "nanoscale-box serve" in told.err


async def test_deploy_follows_to_the_address(box: Type, engine: FakeEngine) -> None:
    happened(engine, DeploymentState.QUEUED, DeploymentState.BUILDING, DeploymentState.LIVE)
    told = await box("deploy", "hello", "--clear-cache")
    assert (told.status, told.out) == (0, "http://hello.localhost:8080\n")
    assert told.err.splitlines() == ["#1 is live", "  queued", "  building", "  live"]
    assert engine.projects.asked[0] == ("redeploy", True)


async def test_a_deployment_that_fails_is_1_with_its_sentence(box: Type, engine: FakeEngine) -> None:
    happened(engine, DeploymentState.QUEUED, DeploymentState.FAILED)
    failure = Failure(code=Code.BUILD_FAILED.value, detail="the build ended with status 3", hint="see the log")
    engine.projects.latest = replace(engine.projects.latest, failure=failure)
    told = await box("deploy", "hello", "--clear-cache")
    assert (told.status, told.out) == (1, "")
    assert told.err.splitlines()[-2:] == ["nanoscale-box: the build ended with status 3", "  see the log"]


async def test_deploy_without_anything_to_do_or_to_wait_for(box: Type) -> None:
    told = await box("deploy", "hello")
    assert (told.status, told.err) == (0, "Nothing to deploy: the newest commit is what runs.\n")
    told = await box("deploy", "hello", "--clear-cache", "--no-wait")
    assert (told.status, told.err) == (0, "#1 is live\n")


async def test_create_asks_for_the_repository_by_its_id(box: Type, engine: FakeEngine) -> None:
    happened(engine, DeploymentState.LIVE)
    words = ("--repo", "Octo/Hello", "--env", "A=1", "--domain", "a.example", "--build-command", "make")
    told = await box("projects", "create", *words)
    assert (told.status, told.out) == (0, "http://hello.localhost:8080\n")
    _, asked = engine.projects.asked[0]
    assert isinstance(asked, NewProject)
    assert (asked.repo_id, asked.installation_id, asked.selected_branch) == (42, 7, "main")
    assert (asked.env[0].value, asked.domains, asked.build_command) == (Secret("1"), ("a.example",), "make")


async def test_create_from_a_url_needs_no_account(box: Type, engine: FakeEngine) -> None:
    happened(engine, DeploymentState.LIVE)
    await box("projects", "create", "--url", "https://github.com/o/r", "--branch", "b", "--name", "n")
    _, asked = engine.projects.asked[0]
    assert isinstance(asked, NewProject)
    assert (asked.repo_url, asked.branch, asked.name, asked.repo_id) == ("https://github.com/o/r", "b", "n", None)


async def test_set_changes_what_was_named_and_empties_what_was_emptied(box: Type, engine: FakeEngine) -> None:
    await box("projects", "set", "hello", "--build-command", "", "--branch", "b", "--domain", "")
    assert engine.projects.asked == [("change", {"build_command": None, "branch": "b", "domains": []})]


async def test_set_settles_rules_health_and_limits(box: Type, engine: FakeEngine) -> None:
    rules = ("--watch-path", "src/**", "--watch-path", "!*.md", "--tag-pattern", "")
    words = (*rules, "--memory-mb", "256", "--stop-seconds", "")
    await box("projects", "set", "hello", *words)
    await box("projects", "set", "hello", "--watch-path", "", "--health-grace-seconds", "0")
    assert engine.projects.asked == [
        ("change", {"watch_paths": ["src/**", "!*.md"], "memory_mb": 256, "stop_seconds": None, "tag_pattern": None}),
        ("change", {"watch_paths": [], "health_grace_seconds": 0}),
    ]
    told = await box("projects", "set", "hello", "--memory-mb", "much")
    assert told.status == 2 and "not a whole number" in told.err


async def test_drift_is_a_sentence_wherever_a_project_is_shown(box: Type, engine: FakeEngine) -> None:
    since = datetime.now(UTC) - timedelta(hours=2, seconds=5)
    engine.projects.drift = Drift(behind=3, since=since, reason="#2 failed: no luck")
    said = "main is 3 commits ahead of what runs, since 2 h, because #2 failed: no luck"
    for words in ("status", "projects show hello", "why hello"):
        assert said in (await box(*words.split())).out
    engine.projects.drift = Drift(behind=None, since=datetime.now(UTC), reason="#2 is queued")
    assert "main differs from what runs, since just now, because #2 is queued" in (await box("why", "hello")).out


async def test_env_keeps_the_others(box: Type, engine: FakeEngine, tmp_path: Path) -> None:
    file = tmp_path / "some.env"
    file.write_text('export A="x y"\n# no\nB=2\n')
    told = await box("env", "set", "hello", "B=3", "--file", str(file))
    assert engine.projects.asked == [
        ("replace_env", [("TOKEN", None), ("A", Secret("x y")), ("B", Secret("3"))]),
    ]
    assert "x y" not in told.out + told.err
    await box("env", "unset", "hello", "TOKEN")
    assert engine.projects.asked[-1] == ("replace_env", [])


async def test_a_flawed_env_file_is_a_sentence_without_its_values(box: Type, tmp_path: Path) -> None:
    file = tmp_path / "bad.env"
    file.write_text('SECRET="never closed')
    told = await box("env", "set", "hello", "--file", str(file))
    assert told.status == 2
    assert "line 1" in told.err
    assert "never closed\n" not in told.err.replace("is never closed", "")
    file.write_bytes(b"A=\xff")
    assert "UTF-8" in (await box("env", "set", "hello", "--file", str(file))).err


async def test_rollback_finds_a_deployment_by_its_number(box: Type, engine: FakeEngine) -> None:
    happened(engine, DeploymentState.LIVE)
    told = await box("rollback", "hello", "--to", "#1")
    assert told.status == 0
    assert ("rollback", "dep_1") in engine.projects.asked
    assert "nanoscale-box resume hello" in told.err


async def test_delete_wants_the_name(box: Type, engine: FakeEngine) -> None:
    assert (await box("projects", "delete", "hello", "--confirm", "hell")).status == 2
    assert [what for what, _ in engine.projects.asked if what == "delete"] == []
    assert (await box("projects", "delete", "hello", "--confirm", "hello")).status == 0
    assert ("delete", "prj_1") in engine.projects.asked


async def test_a_plan_that_lacks_a_tool_is_1_and_names_it(box: Type) -> None:
    told = await box("projects", "plan", "hello")
    assert told.status == 1
    assert "install  npm ci" in told.out
    assert "this machine lacks npm" in told.err and "nanoscale-box projects set --help" in told.err
    told = await box("projects", "plan", "--url", "https://github.com/me/site")
    assert "nanoscale-box projects plan --help" in told.err, "there is no project to be set"


@contextmanager
def terminal() -> Iterator[Callable[[], str]]:
    """Standard error is a terminal of 20 columns; gives what was written there since the last time."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 20, 0, 0))
    with os.fdopen(slave, "w", encoding="utf-8") as screen, os.fdopen(master, "rb", buffering=0) as written:

        def seen() -> str:
            screen.write("\0")
            screen.flush()
            return b"".join(iter(lambda: written.read(1), b"\0")).decode()

        with redirect_stderr(screen):
            yield seen


async def test_a_terminal_shows_what_git_says_while_a_plan_is_waited_for(box: Type, engine: FakeEngine) -> None:
    engine.projects.says = ("Counting objects: 3", "Empfange \x1b[2JObjekte: 日本日本")
    anew = ("projects", "plan", "--url", "https://github.com/me/site")
    with terminal() as seen:
        await box(*anew)
        words = ["", "fetching the source", "Counting objects: 3", "Empfange Objekte: ", ""]
        assert seen().split("nanoscale-box: ")[0].split("\r\x1b[K") == words, "nothing of it stays"
        await box("projects", "plan", "hello")
        assert "fetching the source" in seen()
        await box(*anew, "--json")
        assert "fetching the source" not in seen()


async def test_without_a_line_to_take_back_a_plan_is_waited_for_in_silence(
    box: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with terminal() as seen:
        await box("projects", "plan", "hello")
        assert seen().startswith("nanoscale-box: this machine lacks npm")


async def test_logs_are_inert_and_go_on_when_followed(box: Type, engine: FakeEngine) -> None:
    engine.logs.lines = ["one", "\x1b]52;c;aGk=\x07two"]
    asked = asyncio.create_task(box("logs", "hello", "-f"))
    await until_waited_for(engine.logs)
    engine.logs.lines.append("three")
    engine.logs.complete = True
    engine.logs.ring()
    told = await asked
    assert (told.status, told.out) == (0, "one\ntwo\nthree\n")


async def test_an_empty_log_says_so(box: Type, engine: FakeEngine) -> None:
    engine.logs.complete = True
    told = await box("logs", "hello")
    assert (told.status, told.out) == (0, "")
    assert "nanoscale-box deployments hello" in told.err


async def test_a_failing_finding_is_1(box: Type, engine: FakeEngine) -> None:
    engine.doctor.findings.append(FoundThing("disk", "fail", "the disk is full", "builds fail", "free some space"))
    told = await box("doctor")
    assert told.status == 1
    assert "✕ fail  the disk is full" in told.out
    assert "mend it: free some space" in told.out


async def test_limits_are_the_boxs_own(box: Type, engine: FakeEngine) -> None:
    told = await box("deployments", "hello", "--limit", "7")
    assert engine.projects.asked == [("deployments", Page(limit=7))]
    assert "--limit 35" in told.err
    told = await box("deployments", "hello", "--limit", "201")
    assert (told.status, "from 1 to 200" in told.err) == (1, True)


async def test_connect_prints_the_page_and_waits_for_the_browser(box: Type, engine: FakeEngine) -> None:
    asked = asyncio.create_task(box("github", "connect", "--no-browser"))
    await until_waited_for(engine.feed)
    tell(engine, Event(id=1, kind=EventKind.GITHUB, at=NOW, data={"change": "connected"}))
    told = await asked
    assert told.status == 0
    assert told.out.splitlines() == [
        "https://github.test/login/oauth/authorize?state=s",
        "GitHub: connected as octo, webhook",
    ]


async def test_sync_waits_for_its_end(box: Type, engine: FakeEngine) -> None:
    asked = asyncio.create_task(box("github", "sync"))
    await until_waited_for(engine.feed)
    told_by = {"change": "sync_failed", "detail": "GitHub does not answer", "hint": "try again", "code": "x"}
    tell(engine, Event(id=1, kind=EventKind.GITHUB, at=NOW, data=dict(told_by)))
    told = await asked
    assert (told.status, told.out) == (1, "")
    assert told.err == "nanoscale-box: GitHub does not answer\n  try again\n"


async def test_a_page_of_this_machine_comes_with_the_way_to_it(
    box: Type, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 5 192.0.2.2 22")
    monkeypatch.setenv("USER", "ada")
    begun = replace(await engine.accounts.begin_connect("x"), url="http://127.0.0.1:8787/start")
    monkeypatch.setattr(engine.accounts, "begin_connect", lambda caller: asyncio.sleep(0, begun))
    asked = asyncio.create_task(box("github", "connect"))
    await until_waited_for(engine.feed)
    tell(engine, Event(id=1, kind=EventKind.GITHUB, at=NOW, data={"change": "connected"}))
    assert "ssh -L 8787:127.0.0.1:8787 ada@192.0.2.2" in (await asked).err


async def test_usage_tells_figures_and_how_they_went(box: Type, engine: FakeEngine) -> None:
    told = await box("usage")
    assert told.out.split() == ["hello", "150", "%", "of", "a", "core", "84", "MB", "▁▂█"]
    engine.sampling.nothing = True
    told = await box("usage")
    assert (told.status, told.out, "no app runs" in told.err) == (0, "", True)
