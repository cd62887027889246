"""What is detected in a checkout, language by language."""

from __future__ import annotations

import json

import pytest

from nanoscale_box.core.errors import Code
from nanoscale_box.core.plan import (
    PlanKind,
    detect,
    missing_tools,
)
from nanoscale_box.core.plan_json import plan_from_json, plan_to_json
from tests.core.plan_trees import (
    BUILDS,
    FASTAPI,
    FLASK,
    MANAGE,
    NONE,
    NPM,
    PIP,
    UVICORN,
    VENV,
    failure,
    package,
    plan_of,
    shown,
    tree,
)

PYTHONS: list[tuple[dict[str, str | None], list[str], str]] = [
    ({"app.py": "import http.server"}, ["> python3 app.py"], "app.py"),
    ({"main.py": "", "requirements.txt": "# none\n\n"}, ["> python3 main.py"],
    "requirements.txt without dependencies, main.py"),
    ({"server.py": "", "requirements.txt": "requests\n"}, [VENV, f"{PIP} -r requirements.txt", "> python3 server.py"],
     "requirements.txt, server.py"),
    ({"app.py": FLASK, "requirements.txt": "Flask>=3\ngunicorn"},
     [VENV, f"{PIP} -r requirements.txt", "> python3 -m gunicorn app:app --bind $HOST:$PORT"],
     "requirements.txt, Flask in app.py"),
    ({"app.py": FLASK, "requirements.txt": "flask"},
     [VENV, f"{PIP} -r requirements.txt", "> python3 -m flask --app app:app run --host $HOST --port $PORT"],
     "requirements.txt, Flask in app.py"),
    ({"main.py": FASTAPI, "requirements.txt": "fastapi[standard]"},
     [VENV, f"{PIP} -r requirements.txt", f"> python3 -m uvicorn main:api {UVICORN}"],
     "requirements.txt, FastAPI in main.py"),
    ({"main.py": FASTAPI, "requirements.txt": "fastapi"}, [VENV, f"{PIP} -r requirements.txt", "> python3 main.py"],
     "requirements.txt, main.py"),
    ({"app/main.py": FASTAPI, "requirements.txt": "fastapi\nuvicorn"},
     [VENV, f"{PIP} -r requirements.txt", f"> python3 -m uvicorn app.main:api {UVICORN}"],
     "requirements.txt, FastAPI in app/main.py"),
    ({"src/main.py": FASTAPI, "requirements.txt": "fastapi\nuvicorn"},
     [VENV, f"{PIP} -r requirements.txt", f"> python3 -m uvicorn main:api {UVICORN} --app-dir src"],
     "requirements.txt, FastAPI in src/main.py"),
    ({"manage.py": MANAGE, "mysite/wsgi.py": None, "requirements.txt": "Django\ngunicorn"},
     [VENV, f"{PIP} -r requirements.txt", "> python3 -m gunicorn mysite.wsgi:application --bind $HOST:$PORT"],
     "requirements.txt, Django with gunicorn"),
    ({"manage.py": MANAGE, "requirements.txt": "Django"},
     [VENV, f"{PIP} -r requirements.txt", "> python3 manage.py runserver --noreload $HOST:$PORT"],
     "requirements.txt, Django's own server"),
    ({"pyproject.toml": BUILDS + '[project.scripts]\nmy-app="my_app:main"\nother="x:y"'}, [VENV, f"{PIP} .",
    "> .venv/bin/my-app"],
     "pyproject.toml, its script my-app"),
    ({"pyproject.toml": BUILDS, "src/my_app/__main__.py": None}, [VENV, f"{PIP} .", "> python3 -m my_app"],
     "pyproject.toml, the package my_app"),
    ({"pyproject.toml": '[project]\nname="x"\ndependencies=["requests>=2", "a[b]"]', "app.py": ""},
     [VENV, f"{PIP} 'requests>=2' 'a[b]'", "> python3 app.py"], "pyproject.toml, app.py"),
    ({"pyproject.toml": "[tool.ruff]", "app.py": ""}, ["> python3 app.py"],
    "pyproject.toml without dependencies, app.py"),
    ({"uv.lock": None, "pyproject.toml": "[project]", "app.py": ""},
     ["python3 -m venv .tools", ".tools/bin/python -m pip install --disable-pip-version-check --no-input uv",
      ".tools/bin/uv sync --frozen --no-dev", "> python3 app.py"], "uv.lock, app.py"),
    ({"poetry.lock": None, "pyproject.toml": '[tool.poetry.dependencies]\nflask="*"\ngunicorn="*"', "app.py": FLASK},
     ["python3 -m venv .tools", ".tools/bin/python -m pip install --disable-pip-version-check --no-input poetry",
      ".tools/bin/poetry install --only main --no-interaction --no-root",
      "> python3 -m gunicorn app:app --bind $HOST:$PORT"],
     "poetry.lock, Flask in app.py"),
    ({"Pipfile": '[packages]\nflask="*"', "Pipfile.lock": None, "app.py": FLASK},
     ["python3 -m venv .tools", ".tools/bin/python -m pip install --disable-pip-version-check --no-input pipenv",
      ".tools/bin/pipenv sync", "> python3 -m flask --app app:app run --host $HOST --port $PORT"],
      "Pipfile, Flask in app.py"),
    ({"setup.py": None, "app.py": ""}, [VENV, f"{PIP} .", "> python3 app.py"], "setup.py, app.py"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "commands", "why"), PYTHONS)
def test_python_is_recognised(files: dict[str, str | None], commands: list[str], why: str) -> None:
    plan = detect(tree(files), NONE)
    assert (plan.kind, shown(plan), plan.why) == (PlanKind.PYTHON, commands, why)
    assert plan.path_prefix == (".venv/bin",) and plan.needs == ("python3",)


def test_the_hosts_own_uv_is_used() -> None:
    files: dict[str, str | None] = {"uv.lock": None, "pyproject.toml": "[project]", "app.py": ""}
    plan = detect(tree(files, ("python3", "uv")), NONE)
    assert shown(plan) == ["uv sync --frozen --no-dev", "> python3 app.py"]
    assert plan.needs == ("uv", "python3") and plan.env["UV_PROJECT_ENVIRONMENT"] == ".venv"


NODES: list[tuple[dict[str, str | None], list[str], PlanKind, str]] = [
    ({"package.json": package(scripts={"start": "node server.js"})}, ["> node server.js"], PlanKind.NODE,
     "package.json with a start script"),
    ({"package.json": package(scripts={"start": "node server.js", "prestart": "x"})}, ["> npm run start"],
    PlanKind.NODE,
     "package.json with a start script"),
    ({"package.json": package(scripts={"start": "node a.js; id"})}, ["> npm run start"], PlanKind.NODE,
     "package.json with a start script"),
    ({"package.json": package(scripts={"start": "node --import x a.js"}, dependencies={"a": "1"}),
    "package-lock.json": None},
     [NPM, "> npm run start"], PlanKind.NODE, "package.json with a start script"),
    ({"package.json": package(scripts={"start": "next start", "build": "next build"}, dependencies={"next": "15"})},
     [NPM.replace("ci", "install"), "npm run build", "> npm run start"], PlanKind.NODE,
     "package.json with a start script"),
    ({"package.json": package(scripts={"build": "vite build"}, devDependencies={"vite": "6"}),
    "package-lock.json": None},
     [NPM, "npm run build", "= dist"], PlanKind.STATIC, "package.json with a build script, served from dist"),
    ({"package.json": package(scripts={"start": "vite", "build": "vite build"}, devDependencies={"vite": "6"}),
    "yarn.lock": None},
     ["yarn install --frozen-lockfile --production=false", "yarn run build", "= dist"], PlanKind.STATIC,
     "package.json with a build script, served from dist"),
    ({"package.json": package(scripts={"start": "vite build && node s.js", "build": "x"},
    devDependencies={"vite": "6"})},
     [NPM.replace("ci", "install"), "npm run build", "> npm run start"], PlanKind.NODE,
     "package.json with a start script"),
    ({"package.json": package(scripts={"start": "react-scripts start", "build": "b"},
    dependencies={"react-scripts": "5"}),
      "pnpm-lock.yaml": None},
     ["pnpm install --frozen-lockfile --prod=false", "pnpm run build", "= build"], PlanKind.STATIC,
     "package.json with a build script, served from build"),
    ({"package.json": package(scripts={"build": "next build"}, dependencies={"next": "15"}),
    "next.config.mjs": "output: 'export'"},
     [NPM.replace("ci", "install"), "npm run build", "= out"], PlanKind.STATIC,
     "package.json with a build script, served from out"),
    ({"package.json": package(packageManager="yarn@4.1.0", scripts={"start": "x"}, dependencies={"a": "1"}),
    "yarn.lock": None},
     ["yarn install --immutable", "> yarn run start"], PlanKind.NODE, "package.json with a start script"),
    ({"package.json": package(scripts={"start": "x"}, dependencies={"a": "1"}), "bun.lock": None},
     ["bun install --frozen-lockfile", "> bun run start"], PlanKind.NODE, "package.json with a start script"),
    ({"package.json": package(main="./lib/run.js"), "lib/run.js": None}, ["> node lib/run.js"], PlanKind.NODE,
     "package.json with lib/run.js"),
    ({"package.json": package(main="dist/run.js", scripts={"build": "tsc"})}, ["npm run build", "> node dist/run.js"],
    PlanKind.NODE,
     "package.json with dist/run.js"),
    ({"package.json": package(), "index.js": None}, ["> node index.js"], PlanKind.NODE, "package.json with index.js"),
    ({"server.js": None}, ["> node server.js"], PlanKind.NODE, "server.js"),
    ({"package.json": package(scripts={"start": "node s.js"}), "tool.py": None, "main.py": ""}, ["> node s.js"],
    PlanKind.NODE,
     "package.json with a start script"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "commands", "kind", "why"), NODES)
def test_node_is_recognised(files: dict[str, str | None], commands: list[str], kind: PlanKind, why: str) -> None:
    plan = detect(tree(files), NONE)
    assert (plan.kind, shown(plan), plan.why) == (kind, commands, why)


def test_corepack_stands_in_for_a_missing_pnpm() -> None:
    files: dict[str, str | None] = {
        "package.json": package(scripts={"start": "x"}, dependencies={"a": "1"}),
        "pnpm-lock.yaml": None,
    }
    plan = detect(tree(files, ("node", "corepack")), NONE)
    assert shown(plan) == ["corepack pnpm install --frozen-lockfile --prod=false", "> corepack pnpm run start"]
    bare = tree(files, ("node",))
    assert missing_tools(detect(bare, NONE), bare) == ("pnpm",)


@pytest.mark.parametrize(
    ("files", "commands", "kind"),
    [
        (["go.mod", "main.go"], ["go build -o .build/app .", "> ./.build/app"], PlanKind.GO),
        (["go.mod", "cmd/web/main.go", "x.go"], ["go build -o .build/app ./cmd/web", "> ./.build/app"], PlanKind.GO),
        (["index.html", "app.js", "main.js"], ["= ."], PlanKind.STATIC),
        (["public/index.html"], ["= public"], PlanKind.STATIC),
        (["site/index.html", "README.md"], ["= site"], PlanKind.STATIC),
    ],
)
def test_go_and_plain_files_are_recognised(files: list[str], commands: list[str], kind: PlanKind) -> None:
    plan = detect(tree(dict.fromkeys(files)), NONE)
    assert (shown(plan), plan.kind) == (commands, kind)


def test_a_page_whose_tools_are_node_is_a_page() -> None:
    plan = plan_of(index_DOT_html=None, package_DOT_json=package(devDependencies={"prettier": "3"}), main_DOT_js=None)
    assert (plan.kind, shown(plan)) == (PlanKind.STATIC, ["= ."])


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"README.md": None},
        {"requirements.txt": "x"},
        {"package.json": "{}"},
        {"go.mod": None},
        {"pyproject.toml": "[tool.x]"},
    ],
)
def test_nothing_to_start_is_said_with_what_would_be(files: dict[str, str | None]) -> None:
    error = failure(files)
    assert error.code is Code.PLAN_UNKNOWN
    assert "Procfile" in error.hint and "index.html" in error.hint


def test_a_plan_goes_through_json_and_back() -> None:
    for files, _, _ in PYTHONS:
        plan = detect(tree(files), NONE)
        assert plan_from_json(json.loads(json.dumps(plan_to_json(plan)))) == plan
    with pytest.raises(ValueError, match="missing"):
        plan_from_json({"kind": "python"})


OTHERS: list[tuple[dict[str, str | None], list[str], str]] = [
    ({"app.rb": ""}, ["> ruby app.rb"], "app.rb"),
    ({"Gemfile": "gem 'rack'\n", "config.ru": None},
     ["bundle install", "> bundle exec rackup --host $HOST --port $PORT"], "Gemfile, config.ru"),
    ({"Gemfile": 'gem "puma", "~> 6"\n', "config.ru": None},
     ["bundle install", "> bundle exec puma --bind tcp://$HOST:$PORT"], "Gemfile, config.ru with puma"),
    ({"Gemfile": "gem 'rails'\ngem 'puma'\n", "config.ru": None, "config/application.rb": None},
     ["bundle install", "> bundle exec rails server --binding $HOST --port $PORT"], "Gemfile, Rails"),
    ({"public/index.php": None, "composer.json": json.dumps({"require": {"php": ">=8", "slim/slim": "4"}})},
     ["composer install --no-dev --no-interaction --optimize-autoloader", "> php -S $HOST:$PORT -t public"],
     "public/index.php"),
    ({"index.php": None, "index.html": None}, ["> php -S $HOST:$PORT -t ."], "index.php"),
    ({"Cargo.toml": '[package]\nname = "web-app"\n', "src/main.rs": None, "Cargo.lock": None},
     ["cargo build --release --bin web-app --locked", "> target/release/web-app"], "Cargo.toml, binary web-app"),
    ({"Cargo.toml": '[[bin]]\nname = "one"\npath = "x.rs"\n'},
     ["cargo build --release --bin one", "> target/release/one"], "Cargo.toml, binary one"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "steps", "why"), OTHERS)
def test_ruby_php_and_rust(files: dict[str, str | None], steps: list[str], why: str) -> None:
    plan = detect(tree(files), NONE)
    assert (shown(plan), plan.why) == (steps, why)
    assert missing_tools(plan, tree(files)) == plan.needs != ()


def test_a_crate_without_a_binary_is_nothing_to_start() -> None:
    assert failure({"Cargo.toml": '[package]\nname = "lib"\n', "src/lib.rs": None}).code is Code.PLAN_UNKNOWN
    assert failure({"Cargo.toml": "[package"}).code is Code.PLAN_INVALID
