"""What kinds of apps are recognised and run, and what they are given."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nanoscale_box.sandbox.server import Sandbox
from nanoscale_box.wire.requests import EnvVar
from tests.e2e.harness import PIP, Box, app_files, repository
from tests.e2e.processes import at_work_in, told_of, until
from tests.needs import lacking, needs

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

SITE = {"index.html": "<h1>a site</h1>", "docs/index.html": "the guide", ".env": "SECRET=1"}
PACKAGED = """
import json, os, http.server
import idna
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(idna.encode("bücher").strip())
http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Page).serve_forever()
"""
NODE = """
const http = require("http");
http.createServer((_, answer) => answer.end("node says " + process.env.GREETING))
  .listen(Number(process.env.PORT), process.env.HOST);
"""
TELLING = """
import http.server, json, os, pathlib
visits = pathlib.Path(os.environ["DATA_DIR"], "visits")
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/count":
            visits.write_text(str(int(visits.read_text()) + 1 if visits.exists() else 1))
        self.send_response(200)
        self.end_headers()
        told = {"count": visits.read_text() if visits.exists() else "0", "env": dict(os.environ)}
        self.wfile.write(json.dumps(told).encode())
http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Page).serve_forever()
"""


INSTALLING = 150
"""Seconds that making a virtual environment and filling it may take on a machine with other things to do."""
FLASK = """
from flask import Flask
app = Flask(__name__)
@app.get("/hello/<name>")
def hello(name): return "hello " + name
"""
FASTAPI = """
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
app = FastAPI()
@app.get("/hello/{name}", response_class=PlainTextResponse)
def hello(name): return "hello " + name
"""
GO = """
package main
import ("fmt"; "net/http"; "os")
func main() {
  http.HandleFunc("/", func(answer http.ResponseWriter, _ *http.Request) { fmt.Fprint(answer, "go says hello") })
  http.ListenAndServe(os.Getenv("HOST") + ":" + os.Getenv("PORT"), nil)
}
"""
USING = 'const greet = require("greet");' + NODE.replace("process.env.GREETING", "greet()")


def needs_an_index(folder: Path) -> None:
    """A Python package index that pip can reach, wherever it is told to look."""
    asked = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--retries=0", "--timeout=10", "idna"]
    found = subprocess.run(
        [*asked, "--dest", folder], env={**os.environ, **PIP}, capture_output=True, check=False, timeout=50
    )
    if found.returncode:
        lacking("No Python package index can be reached from this machine.")


async def test_a_static_site(box: Box, sandbox: Sandbox) -> None:
    url = await repository(sandbox, "site", SITE)
    await box.start()
    done = await box.create(url, name="site")
    assert done.state == "live", done.error
    assert await box.page("site.localhost") == (200, "<h1>a site</h1>")
    assert await box.page("site.localhost", "/docs/") == (200, "the guide")
    for hidden in ("/.env", "/.git/config", "/..%2f..%2f..%2fetc/passwd", "/nothing"):
        assert (await box.page("site.localhost", hidden))[0] == 404, hidden
    assert box.apps() == {}, "a static site needs no process"


async def test_a_python_project(box: Box, sandbox: Sandbox, tmp_path: Path) -> None:
    await asyncio.to_thread(needs_an_index, tmp_path / "probe")
    project = '[project]\nname = "x"\nversion = "1"\ndependencies = ["idna"]\n'
    url = await repository(sandbox, "py", {"pyproject.toml": project, "main.py": PACKAGED})
    await box.start()
    env = [EnvVar(key=key, value=value) for key, value in PIP.items()]
    done = await box.create(url, name="py", env_vars=env, seconds=INSTALLING)
    assert done.state == "live", (done.error, await box.build_log(done.id))
    assert await box.page("py.localhost") == (200, "xn--bcher-kva")


@pytest.mark.parametrize(
    ("packages", "app", "why"),
    [
        ("flask\n", FLASK, "Flask in app.py"),
        ("fastapi\nuvicorn\n", FASTAPI, "FastAPI in app.py"),
    ],
    ids=["flask", "fastapi"],
)
async def test_a_python_framework_by_its_requirements(
    box: Box, sandbox: Sandbox, packages: str, app: str, why: str, tmp_path: Path
) -> None:
    await asyncio.to_thread(needs_an_index, tmp_path / "probe")
    url = await repository(sandbox, "web", {"requirements.txt": packages, "app.py": app})
    await box.start()
    planned = await box.command("projects", "plan", "--url", url)
    assert planned.returncode == 0 and why in planned.stdout, planned.stderr
    env = [EnvVar(key=key, value=value) for key, value in PIP.items()]
    done = await box.create(url, name="web", env_vars=env, seconds=INSTALLING)
    assert done.state == "live", (done.error, await box.build_log(done.id))
    assert await box.page("web.localhost", "/hello/ada") == (200, "hello ada")


async def test_a_node_app(box: Box, sandbox: Sandbox) -> None:
    needs("node", "npm")
    package = json.dumps({"name": "x", "version": "1.0.0", "scripts": {"start": "node server.js"}})
    url = await repository(sandbox, "node", {"package.json": package, "server.js": NODE})
    await box.start()
    done = await box.create(url, name="node", env_vars=[EnvVar(key="GREETING", value="hello")])
    assert done.state == "live", (done.error, await box.build_log(done.id))
    assert await box.page("node.localhost") == (200, "node says hello")


async def test_a_node_app_with_a_dependency_and_a_build(box: Box, sandbox: Sandbox) -> None:
    needs("node", "npm")
    scripts = {"build": "node -e \"require('fs').writeFileSync('built.txt', 'built')\"", "start": "node server.js"}
    package = {"name": "x", "version": "1.0.0", "scripts": scripts, "dependencies": {"greet": "file:greet"}}
    greet = {"name": "greet", "version": "1.0.0", "main": "index.js"}
    lock = {
        "name": "x", "version": "1.0.0", "lockfileVersion": 3,
        "packages": {
            "": {"name": "x", "version": "1.0.0", "dependencies": {"greet": "file:greet"}},
            "greet": {"version": "1.0.0"},
            "node_modules/greet": {"resolved": "greet", "link": True},
        },
    }  # fmt: skip
    files = {
        "package.json": json.dumps(package),
        "package-lock.json": json.dumps(lock),
        "greet/package.json": json.dumps(greet),
        "greet/index.js": "module.exports = () => require('fs').readFileSync('built.txt', 'utf8') + ' and greeted';",
        "server.js": USING,
    }
    url = await repository(sandbox, "node", files)
    await box.start()
    done = await box.create(url, name="node", seconds=INSTALLING)
    log = await box.build_log(done.id)
    assert done.state == "live", (done.error, log)
    assert "npm ci" in log and "npm run build" in log
    assert await box.page("node.localhost") == (200, "node says built and greeted")


async def test_a_go_app(box: Box, sandbox: Sandbox) -> None:
    needs("go")
    url = await repository(sandbox, "go", {"go.mod": "module example.org/hello\n\ngo 1.19\n", "main.go": GO})
    await box.start()
    done = await box.create(url, name="go", seconds=INSTALLING)
    assert done.state == "live", (done.error, await box.build_log(done.id))
    assert await box.page("go.localhost") == (200, "go says hello")


async def test_what_is_missing_is_said_before_anything_runs(box: Box, sandbox: Sandbox) -> None:
    files = {"Gemfile": "gem 'rack'", "config.ru": "", "index.html": "x"}
    url = await repository(sandbox, "ruby", files)
    await box.start()
    planned = await box.command("projects", "plan", "--url", url)
    assert "bundle exec rackup --host" in planned.stdout
    if planned.returncode:
        assert "this machine lacks" in planned.stderr and "bundle" in planned.stderr
    assert not list((box.home / "releases").glob("*/*")) and not list((box.home / "mirrors").glob("*"))
    shown = await box.command("projects", "list", "--json")
    assert json.loads(shown.stdout)["items"] == [], "a preview makes no project"


async def test_a_procfile_and_a_root_directory(box: Box, sandbox: Sandbox) -> None:
    files = app_files("from the Procfile")
    del files["nanoscale.toml"]
    files["Procfile"] = (
        "web: python3 app.py --port $PORT\n"
        'worker: echo working $$ in $(pwd) >> "$DATA_DIR/worker"; exec sleep 0.2\n'
        'release: echo "migrated $(pwd)" > "$DATA_DIR/migrated"\n'
    )
    url = await repository(sandbox, "proc", {f"deep/in/{name}": text for name, text in files.items()})
    await box.start()
    done = await box.create(url, name="proc", root_directory="deep/in")
    assert done.state == "live", (done.error, await box.build_log(done.id))
    assert await box.page("proc.localhost") == (200, "from the Procfile")
    assert "plan: procfile" in await box.build_log(done.id)
    (data,) = (box.home / "data").iterdir()
    assert (data / "migrated").read_text().startswith("migrated ")

    def workers() -> set[str]:
        return set((data / "worker").read_text().splitlines())

    await until(lambda: len(workers()) >= 2, "the worker was started again")
    again = await box.redeploy("proc")
    assert again.state == "live", again.error
    await until(lambda: list(box.apps()) == [again.id], "the old app has ended, and its workers with it")
    (old,) = (box.home / "releases").glob(f"*/{done.id}")
    await until(lambda: at_work_in(old) == [], "nothing of the old release runs")


async def test_the_commands_of_the_api_go_before_what_is_detected(box: Box, sandbox: Sandbox) -> None:
    files = {**app_files("detected"), "requirements.txt": "no-such-package-anywhere==1\n", "Procfile": "web: false\n"}
    del files["nanoscale.toml"]
    url = await repository(sandbox, "told", files)
    await box.start()
    done = await box.create(
        url,
        name="told",
        install_command="printf installed > installed.txt",
        build_command='cat installed.txt > page.txt; printf " and built by $WHO" >> page.txt',
        run_command="exec python3 app.py",
        env_vars=[EnvVar(key="WHO", value="us")],
    )
    assert done.state == "live", (done.error, await box.build_log(done.id))
    assert await box.page("told.localhost") == (200, "installed and built by us")
    site = await box.create(
        url, name="site", install_command="", build_command="mkdir out; echo served > out/index.html",
        output_directory="out",
    )  # fmt: skip
    assert site.state == "live", (site.error, await box.build_log(site.id))
    assert await box.page("site.localhost") == (200, "served")


async def test_what_an_app_and_a_build_are_given(box: Box, sandbox: Sandbox) -> None:
    files = {
        "app.py": TELLING,
        "build.py": "import os, json; json.dump(dict(os.environ), open('built.json', 'w'))",
        "nanoscale.toml": 'build_command = "python3 build.py"\nrun_command = "exec python3 app.py"\n',
    }
    url = await repository(sandbox, "told", files)
    extra = {"NANOSCALE_ENCRYPTION_KEYS_FILE": str(box.folder / "keys"), "SOMETHING_OF_THE_OWNERS": "private"}
    await box.start(**extra)
    done = await box.create(url, name="told", env_vars=[EnvVar(key="MINE", value="kept secret")])
    assert done.state == "live", done.error
    status, text = await box.page("told.localhost", "/count")
    env = json.loads(text)["env"]
    assert (status, env["MINE"], env["HOST"]) == (200, "kept secret", "127.0.0.1")
    pid = box.apps()[done.id]
    given = dict(line.decode().partition("=")[::2] for line in told_of(pid, "environ").split(b"\0") if b"=" in line)
    built = json.loads(next((box.home / "releases").glob("*/*/built.json")).read_text())
    assert built["MINE"] == "kept secret"
    own = {name: value for name, value in (box.settings | extra).items() if name not in {"PATH", "LANG"}}
    for seen in (env, given, built):
        assert [name for name in own if seen.get(name) == own[name]] == [], "something of the box's own came through"
        assert [name for name in seen if name.startswith(("NANOSCALE_", "VIRTUAL_ENV", "PYTHONPATH"))] == []
    assert given["DATA_DIR"] == given["HOME"] == env["DATA_DIR"]
    again = await box.redeploy("told")
    assert again.state == "live", again.error
    assert json.loads((await box.page("told.localhost", "/count"))[1])["count"] == "2", "DATA_DIR did not survive"
    await until(lambda: list(box.apps()) == [again.id], "the old app has ended")
