"""Checkouts made of a few names and texts, and plans as people read them."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from nanoscale_box.core.errors import DeployFailed
from nanoscale_box.core.plan import (
    INTERESTING,
    Plan,
    Settings,
    Tree,
    detect,
)

NONE = Settings()
VENV = "python3 -m venv .venv"
PIP = ".venv/bin/python -m pip install --disable-pip-version-check --no-input"
NPM = "npm ci --include=dev --no-audit --no-fund"


def tree(files: Mapping[str, str | None], tools: tuple[str, ...] = ("python3", "node", "npm", "go")) -> Tree:
    texts = {path: text for path, text in files.items() if text is not None and path in INTERESTING}
    return Tree(files=frozenset(files), texts=texts, tools=frozenset(tools))


def plan_of(settings: Settings = NONE, /, **files: str | None) -> Plan:
    return detect(tree({name.replace("__", "/").replace("_DOT_", "."): text for name, text in files.items()}), settings)


def shown(plan: Plan) -> list[str]:
    """The plan's commands in order, then what is started or served."""
    commands = [command.text for command in (*plan.install, *plan.build)]
    return [*commands, f"> {plan.run.text}" if plan.run else f"= {plan.output_directory}"]


def package(**members: object) -> str:
    return json.dumps(members)


def failure(files: Mapping[str, str | None], settings: Settings = NONE) -> DeployFailed:
    with pytest.raises(DeployFailed) as failed:
        detect(tree(files), settings)
    assert len(failed.value.detail) < 300 and failed.value.detail.isprintable() and failed.value.hint
    return failed.value


UVICORN = "--host $HOST --port $PORT"
FLASK = "from flask import Flask\napp = Flask(__name__)\n"
FASTAPI = "import fastapi\napi: fastapi.FastAPI = fastapi.FastAPI()\n"
MANAGE = "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings')  # django\n"
BUILDS = '[build-system]\nrequires=["hatchling"]\n[project]\nname="my-app"\n'
PROCFILE = "# processes\n\nweb: gunicorn app:app --bind 0.0.0.0:$PORT\nworker: x\n"
