"""A box in memory: answers as one does, notes what it was asked, and tells events from a queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from msgspec import UNSET

from nanoscale_box.client import ApiError, Disconnected, Reconnected, Unreachable
from nanoscale_box.wire import requests, shapes
from nanoscale_box.wire.usage import Usage
from tests.tui import samples


class FakeClient:
    """Holds what it tells in public lists, which tests change as they like."""

    def __init__(self) -> None:
        self.all_projects: list[shapes.Project] = []
        self.all_deployments: list[shapes.Deployment] = []
        self.all_verdicts: list[shapes.Verdict] = []
        self.all_repositories: list[shapes.Repository] = []
        self.all_branches = [
            shapes.Branch(name="main", sha="a" * 40, default=True),
            shapes.Branch(name="feature/greetings", sha="b" * 40, default=False),
            shapes.Branch(name="日本", sha="c" * 40, default=False),
        ]
        self.all_usage: list[Usage] = []
        self.findings = list(samples.FINDINGS)
        self.plan_preview = samples.PLAN
        self.all_hooks = list(samples.HOOKS)
        self.variables = ["DATABASE_URL", "SECRET_KEY"]
        self.github = samples.github("unconfigured")
        self.logs: dict[str, list[str]] = {"build": list(samples.BUILD_LOG), "run": list(samples.RUN_LOG)}
        self.log_lines: asyncio.Queue[str | None] = asyncio.Queue()
        self.follow_log = False
        self.looking = asyncio.Event()
        """Plans of what is not made yet are told while it is set."""
        self.looking.set()
        self.asked: list[tuple[Any, ...]] = []
        self.refuse: dict[str, ApiError | Unreachable] = {}
        self.happened: asyncio.Queue[shapes.Event | Disconnected | Reconnected | Exception] = asyncio.Queue()
        self._ids = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def tell(self, kind: str, data: shapes.Shape | dict[str, Any], project_id: str | None = None) -> None:
        """Put an event on the stream; a deployment it tells of is also there when it is asked for."""
        self._ids += 1
        if isinstance(data, shapes.Deployment):
            self.all_deployments = [one for one in self.all_deployments if one.id != data.id] + [data]
        plain = data if isinstance(data, dict) else msgspec.json.decode(msgspec.json.encode(data))
        event = shapes.Event(
            id=self._ids, kind=kind, at=samples.NOW, project_id=project_id, deployment_id=None, data=plain
        )
        self.happened.put_nowait(event)

    def put(self, project: shapes.Project) -> None:
        """Add a project or replace the one of its id."""
        self.all_projects = [one for one in self.all_projects if one.id != project.id] + [project]

    def _note(self, name: str, *what: Any) -> None:  # noqa: ANN401 - whatever was asked
        self.asked.append((name, *what))
        if refusal := self.refuse.get(name):
            raise refusal

    @property
    def socket(self) -> Path | None:
        return Path("/run/user/1000/nanoscale-box/box.sock")

    async def session(self) -> shapes.Session:
        self._note("session")
        return shapes.Session(user_id="usr_1", via="socket", caller="ada", version="0.1.0")

    async def doctor(self, *, fix: bool = False) -> shapes.Doctor:
        self._note("doctor", fix)
        if fix:
            self.findings = [msgspec.structs.replace(one, status="ok") if one.fixable else one for one in self.findings]
        return shapes.Doctor(ok=all(one.status != "fail" for one in self.findings), findings=self.findings)

    async def hooks(self, *, repair: bool = False) -> list[shapes.Hook]:
        self._note("hooks", repair)
        if repair:
            self.all_hooks = [msgspec.structs.replace(one, state="ok") for one in self.all_hooks]
        return self.all_hooks

    async def projects(self) -> list[shapes.Project]:
        self._note("projects")
        return sorted(self.all_projects, key=lambda one: one.name)

    async def usage(self, *, samples: int | None = None) -> list[Usage]:
        self._note("usage", samples)
        return self.all_usage

    async def project(self, project_id: str) -> shapes.Project:
        self._note("project", project_id)
        for one in self.all_projects:
            if one.id == project_id:
                return one
        raise ApiError(samples.problem("there is no such project", code="not_found", status=404))

    async def create_project(self, asked: requests.CreateProject) -> shapes.Created:
        self._note("create_project", asked)
        name = asked.name or "website"
        first = samples.deployment(name, 1, state="building", trigger="create", age=0)
        made = samples.project(name, latest=first, manual=asked.repo_url is not None)
        self.put(made)
        self.all_deployments.append(first)
        return shapes.Created(project=made, deployment=first)

    async def change_project(self, project_id: str, changes: requests.ChangeProject) -> shapes.Project:
        self._note("change_project", project_id, changes)
        told = {name: value for name in changes.__struct_fields__ if (value := getattr(changes, name)) is not UNSET}
        told.pop("domains", None)
        self.put(msgspec.structs.replace(await self.project(project_id), **told))
        return await self.project(project_id)

    async def delete_project(self, project_id: str) -> None:
        self._note("delete_project", project_id)
        self.all_projects = [one for one in self.all_projects if one.id != project_id]
        self.tell("project", {"id": project_id, "change": "deleted"}, project_id)

    async def plan(self, project_id: str) -> shapes.PlanPreview:
        self._note("plan", project_id)
        return self.plan_preview

    async def plan_anew(
        self, asked: requests.CreateProject, hear: Callable[[str], None] | None = None
    ) -> shapes.PlanPreview:
        self._note("plan_anew", asked)
        if hear is not None:
            hear("Receiving 3.1 MiB, 40 %.")
        try:
            await self.looking.wait()
        except asyncio.CancelledError:
            self._note("left", asked)
            raise
        return self.plan_preview

    async def env(self, project_id: str) -> list[shapes.EnvEntry]:
        self._note("env", project_id)
        return [shapes.EnvEntry(key=key, updated_at=samples.before(days=2)) for key in self.variables]

    async def replace_env(self, project_id: str, variables: Sequence[requests.KeepOrSet]) -> list[shapes.EnvEntry]:
        self._note("replace_env", project_id, {one.key: one.value for one in variables})
        self.variables = [one.key for one in variables]
        return await self.env(project_id)

    async def redeploy(self, project_id: str, *, clear_cache: bool = False) -> shapes.Deployment | None:
        self._note("redeploy", project_id, clear_cache)
        return samples.deployment(project_id.removeprefix("prj_"), 14, state="queued", trigger="manual", age=0)

    async def rollback(self, project_id: str, deployment_id: str | None = None) -> shapes.Deployment | None:
        self._note("rollback", project_id, deployment_id)
        return samples.deployment(project_id.removeprefix("prj_"), 14, state="queued", trigger="rollback", age=0)

    async def resume(self, project_id: str) -> shapes.Deployment | None:
        self._note("resume", project_id)
        return None

    async def cancel(self, deployment_id: str) -> shapes.Deployment:
        self._note("cancel", deployment_id)
        self.all_deployments.append(samples.deployment("hello", 13, state="cancelled"))
        return self.all_deployments[-1]

    async def deployments(
        self, project_id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> shapes.Page[shapes.Deployment]:
        self._note("deployments", project_id)
        rows = [one for one in self.all_deployments if one.project_id == project_id]
        return shapes.Page(items=sorted(rows, key=lambda one: -one.number))

    async def verdicts(
        self, project_id: str | None = None, *, limit: int | None = None, cursor: str | None = None
    ) -> shapes.Page[shapes.Verdict]:
        self._note("verdicts", project_id)
        rows = [one for one in self.all_verdicts if project_id in {None, one.project_id}]
        return shapes.Page(items=sorted(rows, key=lambda one: one.at, reverse=True))

    async def github_status(self) -> shapes.GithubStatus:
        self._note("github_status")
        return self.github

    async def register_app(self, organization: str | None = None) -> shapes.Redirect:
        self._note("register_app")
        page = "http://127.0.0.1:8787/api/integrations/github/app/new?state=" + "s" * 64
        return shapes.Redirect(redirect_url=page, expires_at=samples.NOW + timedelta(minutes=10))

    async def start_connect(self) -> shapes.Redirect:
        self._note("start_connect")
        page = "https://github.com/login/oauth/authorize?client_id=Iv1.0&state=" + "s" * 43
        return shapes.Redirect(redirect_url=page, expires_at=samples.NOW + timedelta(minutes=10))

    async def start_device(self) -> shapes.Redirect:
        self._note("start_device")
        code = f"WDJB-MJH{len([one for one in self.asked if one[0] == 'start_device'])}"
        until = samples.NOW + timedelta(minutes=15)
        return shapes.Redirect(redirect_url="https://github.com/login/device", expires_at=until, user_code=code)

    async def stop_device(self) -> None:
        self._note("stop_device")

    async def disconnect(self) -> None:
        self._note("disconnect")
        self.github = samples.github("registered")
        self.tell("github", {"change": "disconnected"})

    async def repos(
        self,
        *,
        installation_id: int | None = None,
        query: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> shapes.Page[shapes.Repository]:
        self._note("repos", installation_id, query, cursor)
        rows = [one for one in self.all_repositories if installation_id in {None, one.installation_id}]
        rows = [one for one in rows if (query or "") in one.full_name]
        begin, end = int(cursor or 0), int(cursor or 0) + (limit or 100)
        return shapes.Page(items=rows[begin:end], next_cursor=str(end) if end < len(rows) else None)

    async def sync_repos(self, installation_id: int | None = None) -> None:
        self._note("sync_repos")

    async def branches(
        self, repo_id: int, *, query: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> shapes.Page[shapes.Branch]:
        self._note("branches", repo_id, query)
        return shapes.Page(items=[one for one in self.all_branches if (query or "") in one.name])

    async def events(
        self, after: int | None = None, *, follow: bool = True
    ) -> AsyncIterator[shapes.Event | Disconnected | Reconnected]:
        self._note("events")
        while True:
            one = await self.happened.get()
            if isinstance(one, Exception):
                raise one
            yield one

    async def deployment_log(
        self, deployment_id: str, *, kind: str = "build", follow: bool = True, tail: int | None = None
    ) -> AsyncIterator[shapes.LogLine | Disconnected | Reconnected]:
        self._note("deployment_log", deployment_id, kind)
        for number, line in enumerate(self.logs.get(f"{kind} {deployment_id}", self.logs[kind])):
            yield shapes.LogLine(offset=number, text=line)

        while self.follow_log and (text := await self.log_lines.get()) is not None:
            yield shapes.LogLine(offset=0, text=text)


def busy_box() -> FakeClient:
    """A box with something of everything."""
    box = FakeClient()
    box.github = samples.github()
    box.logs["build dep_hello_10"] = samples.FAILED_LOG
    api_live = samples.deployment("api", 31, "Answer HEAD requests too", state="live", age=187, seconds=11.8)
    hello = [
        samples.deployment("hello", 12, "Greet the whole world", state="live", age=3, seconds=4.2),
        samples.deployment("hello", 11, "Add a health check", age=58, seconds=5.1),
        samples.deployment(
            "hello",
            10,
            "Try a newer framework",
            state="failed",
            age=64,
            seconds=2.2,
            author="grace",
            error=samples.problem(
                "The build ended with exit status 1: no module named starlette.", "Look at the build log's last lines."
            ),
        ),
        samples.deployment("hello", 9, "Fix a typo", state="superseded", age=65, author="grace"),
        samples.deployment("hello", 8, "Serve the page from a template", age=1500, seconds=6.0, trigger="poll"),
        samples.deployment("hello", 1, "First light", age=12990, seconds=21.5, trigger="create"),
    ]
    shop_failed = samples.deployment(
        "shop", 5, "Drop the old checkout", state="failed", age=41, author="grace",
        error=samples.problem("The app exited with status 2 before it listened.", "See its log."),
    )  # fmt: skip
    box.all_projects = [
        samples.project("hello", live=hello[0]),
        samples.project(
            "api",
            live=api_live,
            latest=samples.deployment("api", 32, "Cache the index for a minute", state="building", age=0, seconds=7),
            branch="release-2026",
        ),
        samples.project(
            "shop",
            live=samples.deployment("shop", 4, "Show prices with tax", state="live", age=2900, seconds=33),
            latest=shop_failed,
        ),
        samples.project(
            "website",
            live=samples.deployment("website", 7, "New photographs", state="live", age=9000, seconds=0.9),
            paused="rolled back to #7; resume to deploy pushes again",
            manual=True,
        ),
        samples.project("notes", state="down", live=samples.deployment("notes", 3, "Search", state="live", age=20000)),
    ]
    box.all_deployments = [*hello, *[one.latest for one in box.all_projects if one.latest and one.name != "hello"]]
    box.all_verdicts = [
        samples.verdict("api", 32, "queued", "being deployed as #32", age=0.1),
        samples.verdict("hello", 12, "deployed", "deployed as #12", age=3, deployment_id="dep_hello_12"),
        samples.verdict("hello", 77, "ignored", "the push went to drafts; hello deploys main", age=9, branch="drafts"),
        samples.verdict("shop", 5, "failed", "#5 failed: the app exited with status 2 before it listened", age=41),
        samples.verdict("hello", 10, "failed", "#10 failed: the build ended with exit status 1", age=64),
        samples.verdict("hello", 9, "superseded", "superseded by #10", age=65),
        samples.verdict("website", 70, "ignored", "website is paused: rolled back to #7", age=120, source="poll"),
        samples.verdict("api", 31, "deployed", "deployed as #31", age=187),
        samples.verdict("hello", 8, "deployed", "deployed as #8", age=1500, source="poll"),
    ]
    box.all_usage = [
        samples.usage("hello", [0.2, 0.4, 3, 8, 12, 9, 4, 1, 0.4, 2, 7, 18, 26, 14, 6, 2, 1, 0.6, 3, 5], 61),
        samples.usage("api", [20, 35, 60, 85, 96, 70, 64, 88, 120, 146, 131, 90, 72, 60, 75, 98, 128, 150, 142], 412),
        samples.usage("shop", [0, 0, 0.1, 0, 0, 0, 0.2, 0, 0, 0, 0, 0, 0.1, 0, 0, 0, 0, 0, 0, 0], 88),
        samples.usage("website", [1, 2], None),
    ]
    names = ["hello", "api", "website", "notes", "shop", "dotfiles", "blog", "garden", "planner", "mailer", "parser"]
    box.all_repositories = [
        samples.repository(
            100 + number, name, private=number % 3 != 2, archived=name == "garden", used=name in {"hello", "api"}
        )
        for number, name in enumerate(names)
    ] + [samples.repository(300, "engine", owner="analytical")]
    return box
