"""Who says what of a plan, and that no file can break planning."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoscale_box.core.errors import Code, DeployFailed
from nanoscale_box.core.plan import (
    INTERESTING,
    TOOLS,
    Command,
    Health,
    HealthSaid,
    Plan,
    PlanKind,
    Settings,
    Tree,
    detect,
    missing_tools,
    relative,
)
from nanoscale_box.core.plan_json import plan_from_json, plan_to_json
from tests.core.plan_trees import (
    BUILDS,
    FASTAPI,
    FLASK,
    MANAGE,
    NONE,
    PIP,
    PROCFILE,
    VENV,
    failure,
    package,
    plan_of,
    shown,
    tree,
)


def test_a_procfile_starts_what_the_language_installs() -> None:
    plan = plan_of(Procfile=PROCFILE, requirements_DOT_txt="gunicorn")
    assert (plan.kind, plan.why) == (PlanKind.PROCFILE, "requirements.txt; run from the Procfile")
    assert shown(plan) == [VENV, f"{PIP} -r requirements.txt", "> gunicorn app:app --bind 0.0.0.0:$PORT"]
    assert plan.run == Command(shell="gunicorn app:app --bind 0.0.0.0:$PORT")
    assert shown(plan_of(Procfile="web: ./run")) == ["> ./run"]


def test_the_other_lines_of_a_procfile() -> None:
    plan = plan_of(Procfile="web: ./web\nworker: ./work 'it'\nclock: ./tick\nrelease: ./migrate\n")
    assert plan.run == Command(shell="./web") and plan.release == Command(shell="./migrate")
    assert {name: worker.text for name, worker in plan.workers.items()} == {"worker": "./work 'it'", "clock": "./tick"}
    assert plan_from_json(plan_to_json(plan)) == plan
    assert plan.start is not None and plan.start.filled({})[:2] == ("/bin/sh", "-c")
    alone = plan_of(Procfile="web: ./web\n")
    assert alone.start == alone.run and alone.release is None
    told = plan_of(Settings(release_command="./mine"), Procfile="web: ./web\nrelease: ./migrate\n")
    assert told.release == Command(shell="./mine")
    assert plan_of(Settings(run_command="./run"), Procfile="web: ./web\nworker: ./work\n").workers == {}


def test_workers_run_beside_the_app_and_are_started_again(tmp_path: Path) -> None:
    """The real shell: a worker that ends at once, an app that ends when it saw the worker twice."""
    worker = Command(shell="echo 'it''s' $PORT >> seen; exit 3")
    web = Command(argv=(sys.executable, "-c", _WAITS, "$HOST:$PORT"))
    start = Plan(kind=PlanKind.PROCFILE, why="", run=web, workers={"worker": worker}).start
    assert start is not None
    env = {"PATH": os.environ["PATH"], "PORT": "8123", "HOST": "here"}
    with subprocess.Popen(
        start.filled({}),
        cwd=tmp_path,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as app:
        try:
            assert app.stdout is not None
            told = [app.stdout.readline(), app.stdout.readline()]
            assert app.wait(30) == 7, "the app itself is the process that was started"
        finally:
            os.killpg(app.pid, signal.SIGKILL)
    assert b"worker ended with exit status 3; it is started again in 1 s\n" in told
    assert (tmp_path / "seen").read_text().startswith("its 8123\nits 8123\n")
    assert (tmp_path / "web").read_text() == "here:8123"


_WAITS = """
import pathlib, sys, time
pathlib.Path("web").write_text(sys.argv[1])
while not pathlib.Path("seen").exists() or len(pathlib.Path("seen").read_text().splitlines()) < 2:
    time.sleep(0.02)
sys.exit(7)
"""


def test_each_field_comes_from_the_first_that_has_it() -> None:
    settings = Settings(install_command="ours-i", build_command="ours-b", run_command="ours-r")
    toml = 'build_command = "theirs-b"\n[health]\npath = "/up"\nstatus = 204\ntimeout_seconds = 5\ngrace_seconds = 0\n'
    plan = plan_of(
        settings, nanoscale_DOT_toml=toml, Procfile=PROCFILE, package_DOT_json=package(scripts={"build": "x"})
    )
    assert shown(plan) == ["ours-i", "theirs-b", "> ours-r"]
    assert (
        plan.why == "package.json; install from the project's settings; build from nanoscale.toml; "
        "run from the project's settings"
    )
    assert plan.health == Health(path="/up", lowest=204, highest=204, timeout_seconds=5, grace_seconds=0)
    assert plan_of(index_DOT_html=None).health == Health()


def test_the_plan_says_which_settings_the_file_decides() -> None:
    toml = 'build_command = ""\n[health]\npath = "/up"\n'
    plan = plan_of(Settings(build_command="ours", run_command="ours"), nanoscale_DOT_toml=toml, index_DOT_html=None)
    assert plan.in_file == ("build_command", "health_path")
    assert plan_of(Settings(build_command="ours"), index_DOT_html=None).in_file == ()


def test_health_and_commands_around_the_start_are_the_files_then_the_settings() -> None:
    said = HealthSaid(path="/ours", timeout_seconds=9)
    settings = Settings(preflight_command="ours-p", release_command="ours-r", health=said)
    alone = plan_of(settings, index_DOT_html=None)
    assert alone.health == Health(path="/ours", lowest=200, highest=399, timeout_seconds=9)
    assert (alone.preflight, alone.release) == (Command(shell="ours-p"), Command(shell="ours-r"))
    toml = 'release_command = ""\n[health]\npath = "/theirs"\n'
    both = plan_of(settings, index_DOT_html=None, nanoscale_DOT_toml=toml)
    assert both.health == Health(path="/theirs", lowest=200, highest=399, timeout_seconds=9)
    assert (both.preflight, both.release) == (Command(shell="ours-p"), None)
    slow = plan_of(Settings(health=HealthSaid(timeout_seconds=300)), index_DOT_html=None)
    assert slow.health == Health(timeout_seconds=300)
    assert plan_from_json(plan_to_json(both)) == both


def test_an_empty_command_says_that_there_is_none() -> None:
    settings = Settings(install_command="", build_command=" ")
    files = {"package_DOT_json": package(scripts={"start": "node a.js", "build": "x"}, dependencies={"a": "1"})}
    assert shown(plan_of(settings, **files)) == ["> node a.js"]
    assert shown(plan_of(Settings(run_command="", output_directory="./web/"), **files))[-1] == "= web"
    assert shown(plan_of(Settings(run_command=""), index_DOT_html=None)) == ["= ."]
    assert plan_of(Settings(run_command="./x"), docs__index_DOT_html=None).why == "run from the project's settings"
    assert failure({"app.py": ""}, Settings(run_command="")).code is Code.PLAN_INVALID


def test_an_output_directory_alone_makes_a_site() -> None:
    plan = plan_of(Settings(build_command="make", output_directory="html"), Makefile=None)
    assert (plan.kind, shown(plan), plan.needs) == (PlanKind.STATIC, ["make", "= html"], ())
    assert shown(plan_of(Settings(output_directory="html"), app_DOT_py="")) == ["= html"]
    both = plan_of(Settings(output_directory="html", run_command="node x.js"))
    assert (both.output_directory, both.run, both.kind) == ("html", Command(shell="node x.js"), PlanKind.CUSTOM)
    assert both.needs == ("node",)


def test_what_the_host_lacks_is_said() -> None:
    bare = tree({"package.json": package(scripts={"build": "x"}, devDependencies={"vite": "6"})}, ("python3",))
    assert missing_tools(detect(bare, NONE), bare) == ("npm", "node")
    quick = tree({"package.json": package(scripts={"start": "node a.js"})}, ("node",))
    assert missing_tools(detect(quick, NONE), quick) == ()


def test_a_detected_command_is_filled_when_the_app_starts() -> None:
    command = Command(argv=("serve", "--bind", "$HOST:$PORT", "$PORTAL", "$HOME"))
    assert command.filled({"HOST": "127.0.0.1", "PORT": "81", "HOME": "/x"}) == (
        "serve",
        "--bind",
        "127.0.0.1:81",
        "$PORTAL",
        "$HOME",
    )
    assert Command(shell="a $PORT; b").filled({"PORT": "1"}) == ("/bin/sh", "-c", "a $PORT; b")
    for both in ({}, {"argv": ("a",), "shell": "a"}):
        with pytest.raises(ValueError, match="either"):
            Command(**both)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"Procfile": "web: a\noops\n"}, "Procfile, line 2"),
        ({"Procfile": "web: a\nweb: b"}, "web is given twice"),
        ({"Procfile": "worker: a"}, "no `web:` line"),
        ({"Procfile": "web: a\x00b"}, "no shell takes"),
        ({"Procfile": "web: " + "a" * 9000}, "too long"),
        ({"package.json": "{"}, "package.json cannot be read"),
        ({"package.json": "[]"}, "must hold an object"),
        ({"package.json": "[" * 200_000}, "package.json cannot be read"),
        ({"package.json": '{"a":' + "9" * 5000 + "}"}, "package.json cannot be read"),
        ({"package.json": package(scripts={"start": 5})}, "scripts.start must be text"),
        ({"package.json": " " * 600_000}, "larger than"),
        ({"pyproject.toml": "[project\nx"}, "line 1"),
        ({"pyproject.toml": "a=" + "[" * 100_000}, "pyproject.toml cannot be read"),
        ({"pyproject.toml": "a=" + "9" * 5000}, "pyproject.toml cannot be read"),
        ({"pyproject.toml": '[project]\ndependencies=["--index-url=https://evil"]', "app.py": ""}, "is no dependency"),
        ({"Pipfile": "x"}, "Pipfile cannot be read"),
        ({"nanoscale.toml": "run_comand='x'"}, "run_comand is not known"),
        ({"nanoscale.toml": "run_command=1"}, "run_command must be text"),
        ({"nanoscale.toml": "health=1"}, "health must be a table"),
        ({"nanoscale.toml": "[health]\npath='x'"}, "health.path"),
        ({"nanoscale.toml": "[health]\npath='/ x'"}, "must begin with /"),
        ({"nanoscale.toml": "[health]\nstatus=true"}, "health.status"),
        ({"nanoscale.toml": "[health]\nstatus=[300, 200]"}, "health.status"),
        ({"nanoscale.toml": "[health]\nstatus=600"}, "health.status"),
        ({"nanoscale.toml": "[health]\ntimeout_seconds=0"}, "health.timeout_seconds"),
        ({"nanoscale.toml": "[health]\ngrace_seconds=1.5"}, "health.grace_seconds"),
        ({"nanoscale.toml": "[health]\nmore=1"}, "health.more is not known"),
        ({"nanoscale.toml": "output_directory='../x'"}, "inside the repository"),
        ({"nanoscale.toml": "\ud800"}, "cannot be read"),
    ],
)
def test_files_that_cannot_be_right_are_refused_with_the_place(files: dict[str, str | None], says: str) -> None:
    error = failure(files)
    assert error.code is Code.PLAN_INVALID
    assert says in error.detail


@pytest.mark.parametrize(
    ("path", "kept"), [("web", "web"), ("./a//b/", "a/b"), (".", "."), ("", "."), ("日本", "日本")]
)
def test_paths_inside_the_project(path: str, kept: str) -> None:
    assert relative(path, "root_directory") == kept


@pytest.mark.parametrize(
    "path", ["/etc", "..", "a/../b", "a/..", " /etc", "a\\b", "a\x00b", "a\nb", "\u202ea", "a" * 501, "\ud800"]
)
def test_paths_that_leave_the_project(path: str) -> None:
    with pytest.raises(DeployFailed) as failed:
        relative(path, "root_directory")
    assert failed.value.code is Code.PLAN_INVALID and failed.value.detail.isprintable()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
MEMBERS = ["scripts", "dependencies", "devDependencies", "main", "packageManager", "workspaces"]
TEXTS = (
    st.text()
    | st.dictionaries(
        st.sampled_from(MEMBERS), JSON | st.dictionaries(st.sampled_from(["start", "build", "next", "vite"]), st.text())
    ).map(json.dumps)
    | st.sampled_from(
        [
            FLASK,
            FASTAPI,
            MANAGE,
            PROCFILE,
            BUILDS,
            "flask\ngunicorn",
            "[health]\npath='/x'",
            "[project]\ndependencies=['a']",
        ]
    )
)
PATHS = sorted(
    INTERESTING
    | {
        "uv.lock",
        "poetry.lock",
        "Pipfile.lock",
        "yarn.lock",
        "setup.py",
        "go.mod",
        "main.go",
        "index.html",
        "x/__main__.py",
    }
)
TREES = st.dictionaries(st.sampled_from(PATHS), TEXTS, max_size=5).map(tree)
COMMANDS = st.none() | st.text()


@given(
    TREES,
    st.builds(
        Settings, install_command=COMMANDS, build_command=COMMANDS, run_command=COMMANDS, output_directory=COMMANDS
    ),
)
def test_any_tree_has_a_plan_or_fails_with_a_sentence(found: Tree, settings: Settings) -> None:
    try:
        plan = detect(found, settings)
    except DeployFailed as error:
        assert error.code in {Code.PLAN_INVALID, Code.PLAN_UNKNOWN}
        return
    assert plan.run is not None or plan.output_directory is not None
    assert plan.why and set(plan.needs) <= set(TOOLS)
    assert plan_from_json(plan_to_json(plan)) == plan
    for command in (*plan.install, *plan.build, *([plan.run] if plan.run else [])):
        assert "\x00" not in command.text
