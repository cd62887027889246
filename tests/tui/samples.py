"""A box's worth of sample data at a fixed moment, for tests and for the pictures in the docs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from nanoscale_box.wire import shapes
from nanoscale_box.wire.usage import Usage

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)


def before(**spans: float) -> datetime:
    """A moment before now."""
    return NOW - timedelta(**spans)


def deployment(
    project: str,
    number: int,
    subject: str | None = "Greet the world",
    *,
    state: str = "retired",
    trigger: str = "push",
    age: float = 60,
    seconds: float = 4.2,
    author: str | None = "ada",
    error: shapes.Problem | None = None,
) -> shapes.Deployment:
    """A deployment that ended `age` minutes ago, or is under way."""
    running = state in {"fetching", "building", "starting", "switching"}
    finished = None if running or state == "queued" else before(minutes=age)
    steps = [
        shapes.Step(name="fetch", state="done", duration_ms=140),
        shapes.Step(
            name="build",
            state="running" if running else "failed" if error else "done",
            duration_ms=None if running else int(seconds * 700),
        ),
    ]
    if not running and not error:
        steps += [
            shapes.Step(name="start", state="done", duration_ms=610),
            shapes.Step(name="switch", state="done", duration_ms=9),
        ]
    return shapes.Deployment(
        id=f"dep_{project}_{number}",
        project_id=f"prj_{project}",
        number=number,
        trigger=trigger,
        state=state,
        sha=f"{abs(hash_of(f'{project}{number}')):040x}",
        ref="refs/heads/main",
        subject=subject,
        author=author,
        delivery_id=None,
        superseded_by=None,
        error=error,
        steps=[] if state == "queued" else steps,
        queued_at=before(minutes=age, seconds=seconds + 3),
        due_at=before(minutes=age, seconds=seconds),
        started_at=None if state == "queued" else before(minutes=age, seconds=seconds),
        finished_at=finished,
    )


def hash_of(text: str) -> int:
    """A number that looks like a commit, the same in every run."""
    found = 14695981039346656037
    for byte in text.encode() * 3:
        found = (found ^ byte) * 1099511628211 % 2**160
    return found


def project(
    name: str,
    *,
    live: shapes.Deployment | None = None,
    latest: shapes.Deployment | None = None,
    branch: str = "main",
    private: bool = True,
    paused: str | None = None,
    drift: shapes.Drift | None = None,
    manual: bool = False,
    state: str | None = None,
) -> shapes.Project:
    """A project that answers at its name."""
    link = shapes.GithubLink(
        installation_id=11,
        repo_id=hash_of(name) % 10**8,
        full_name=f"ada/{name}",
        selected_branch=branch,
        is_private=private,
        webhook_id=5,
    )
    return shapes.Project(
        id=f"prj_{name}",
        name=name,
        url=f"http://{name}.localhost:8080",
        hosts=[f"{name}.localhost"],
        state=state or ("live" if live else "new"),
        paused=paused is not None,
        paused_reason=paused,
        pinned_deployment_id=None,
        source_provider="manual" if manual else "github",
        repo_url=f"https://codeberg.org/ada/{name}" if manual else None,
        source_repo_id=None if manual else link.repo_id,
        branch=branch,
        github=None if manual else link,
        install_command=None,
        build_command=None,
        run_command=None,
        output_directory=None,
        root_directory=None,
        live=live,
        latest=latest or live,
        drift=drift,
        created_at=before(days=9),
        updated_at=before(minutes=3),
    )


def verdict(
    name: str,
    number: int,
    outcome: str,
    reason: str,
    *,
    age: float,
    source: str = "push",
    branch: str = "main",
    deployment_id: str | None = None,
) -> shapes.Verdict:
    """What became of a push `age` minutes ago."""
    return shapes.Verdict(
        id=f"ver_{name}_{number}",
        project_id=f"prj_{name}",
        source=source,
        delivery_id=None,
        ref=f"refs/heads/{branch}",
        sha=f"{hash_of(f'{name}{number}'):040x}",
        outcome=outcome,
        code=outcome,
        reason=reason,
        deployment_id=deployment_id,
        at=before(minutes=age),
    )


def github(state: str = "connected", **changes: object) -> shapes.GithubStatus:
    """The connection."""
    connected = state == "connected"
    fields: dict[str, object] = {
        "connected": connected,
        "state": state,
        "account_login": "ada" if state in {"connected", "reconnect"} else None,
        "mode": "webhook" if connected else "polling",
        "installations": [installation(11, "ada"), installation(12, "analytical", kind="Organization")]
        if connected
        else [],
        "rate": shapes.Rate(limit=5000, remaining=4871, reset_at=NOW + timedelta(minutes=30)) if connected else None,
    }
    return shapes.GithubStatus(**(fields | changes))  # type: ignore[arg-type] # fields of the shape


def installation(number: int, login: str, *, kind: str = "User") -> shapes.Installation:
    """The App on an account."""
    return shapes.Installation(
        installation_id=number,
        account_login=login,
        account_type=kind,
        repository_selection="all" if kind == "User" else "selected",
        suspended=False,
        missing_permissions=[],
    )


def repository(
    number: int, name: str, *, owner: str = "ada", private: bool = True, archived: bool = False, used: bool = False
) -> shapes.Repository:
    """A repository in scope."""
    full_name = f"{owner}/{name}"
    return shapes.Repository(
        id=f"rep_{number}",
        installation_id=11 if owner == "ada" else 12,
        repo_id=number,
        node_id=f"R_{number}",
        owner_login=owner,
        name=name,
        full_name=full_name,
        default_branch="main",
        is_private=private,
        html_url=f"https://github.com/{full_name}",
        clone_url=f"https://github.com/{full_name}.git",
        archived=archived,
        disabled=False,
        last_synced_at=before(minutes=4),
        project_ids=["prj_hello"] if used else [],
    )


def problem(detail: str, hint: str | None = None, *, code: str = "build_failed", status: int = 422) -> shapes.Problem:
    """An error."""
    return shapes.Problem(title="failed", status=status, detail=detail, code=code, hint=hint)


def finding(
    code: str, status: str, title: str, why: str, fix: str | None = None, *, mends: bool = False
) -> shapes.Finding:
    """What the doctor found."""
    return shapes.Finding(code=code, status=status, title=title, why=why, fix=fix, fixable=mends)


FINDINGS = [
    finding("database", "ok", "the database is whole", "Everything the box remembers is in it."),
    finding("clock", "ok", "the clock agrees with GitHub's", "GitHub refuses a box whose clock is off by a minute."),
    finding(
        "hooks", "fail", "1 of 3 webhooks is missing", "Pushes to it are seen only when the box looks for them.",
        "nanoscale-box github hooks --repair", mends=True,
    ),
    finding(
        "disk", "warn", "2.1 GB are free", "A build of the largest project took 1.4 GB.",
        "nanoscale-box projects delete OLD",
    ),
    finding("systemd", "skip", "apps run as processes", "There is no systemd that this user may ask."),
]  # fmt: skip


def hook(state: str, repo: str | None, *, detail: str | None = None) -> shapes.Hook:
    """A webhook."""
    return shapes.Hook(
        state=state,
        repo_id=hash_of(repo) % 10**8 if repo else None,
        full_name=f"ada/{repo}" if repo else None,
        hook_id=5 if state == "ok" else None,
        url="https://box.example.org/api/integrations/github/webhook",
        detail=detail,
        project_ids=[f"prj_{repo}"] if repo else [],
    )


HOOKS = [
    hook("ok", None),
    hook("ok", "hello"),
    hook("missing", "api", detail="it is gone from GitHub"),
    hook("old_url", "shop", detail="it leads to https://old.example.org"),
]


PLAN = shapes.PlanPreview(
    kind="python",
    why="uv.lock",
    commands=[
        shapes.PlannedCommand(name="install", command="uv sync --frozen"),
        shapes.PlannedCommand(name="run", command="uv run app.py"),
    ],
    output_directory=None,
    health_path="/",
    missing=[],
    in_file=[],
)
BUILD_LOG = """\
$ uv venv --python 3.12
Using CPython 3.12.9
Creating virtual environment at: .venv
$ uv sync --frozen
Resolved 14 packages in 3ms
Prepared 9 packages in 812ms
Installed 9 packages in 11ms
 + anyio==4.8.0
 + click==8.1.8
 + h11==0.14.0
 + httptools==0.6.4
 + idna==3.10
 + sniffio==1.3.1
 + starlette==0.45.3
 + uvicorn==0.34.0
$ python -m compileall -q .
release 9f31 is ready: 31 files, 214 kB
""".splitlines()
FAILED_LOG = """\
$ uv venv --python 3.12
Using CPython 3.12.9
Creating virtual environment at: .venv
$ uv sync --frozen
Resolved 13 packages in 4ms
Installed 8 packages in 9ms
$ python -m app.check
Traceback (most recent call last):
  File "app/check.py", line 3, in <module>
    from starlette.applications import Starlette
ModuleNotFoundError: No module named 'starlette'
exit status 1
""".splitlines()
RUN_LOG = """\
listening on 127.0.0.1:41273
GET / 200 in 2 ms
GET /healthz 200 in 0 ms
GET /favicon.ico 404 in 1 ms
""".splitlines()


def usage(project: str, cpu: list[float], megabytes: float | None) -> Usage:
    """What an app took, with memory that grew a little; None: nobody counts it."""
    memory = [None if megabytes is None else int(megabytes * 1_000_000 * (0.8 + 0.01 * at)) for at in range(len(cpu))]
    return Usage(
        project_id=f"prj_{project}", at=NOW, seconds_apart=5.0, cpu_percent=cpu, memory_bytes=memory, cpu_seconds=9.0
    )
