"""A small engine behind the doors: it remembers what it was asked and answers from memory."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nanoscale_box.core.audit import Act, AuditCheck, Entry
from nanoscale_box.core.errors import BoxError, Code, Invalid, NotFound, Unauthorized
from nanoscale_box.core.github_headers import content_kind
from nanoscale_box.core.github_model import Branch, Installation, RateBudget, Repository
from nanoscale_box.core.lifecycle import DeploymentState
from nanoscale_box.core.model import (
    DataFolder,
    Deployment,
    DeploymentId,
    Event,
    EventKind,
    InstallationId,
    LogKind,
    ProjectId,
    Receipt,
    Release,
    RepoId,
    Sha,
    Verdict,
)
from nanoscale_box.core.plan_model import Command, Plan, PlanKind
from nanoscale_box.core.secret import Secret
from nanoscale_box.core.tokens import ApiToken, Scope, TokenId
from nanoscale_box.engine.gathering import Hearer
from nanoscale_box.engine.hookcheck import HookView
from nanoscale_box.engine.measuring import Durations, Measured
from nanoscale_box.engine.records import AuditFilter, Page
from nanoscale_box.engine.resealing import KeyView
from nanoscale_box.engine.rotation import Rotated
from nanoscale_box.engine.sampling import Usage
from nanoscale_box.engine.views import (
    Drift,
    EnvName,
    GithubState,
    ManifestForm,
    NewProject,
    ProjectChanges,
    ProjectView,
    Redirection,
)
from nanoscale_box.web.counters import IntakeCounters
from nanoscale_box.web.services import Services
from tests.web.samples import NOW, deployment, installation, project, repository, verdict

SECRET = b"It's a Secret to Everybody"
HEADERS = {
    "Content-Type": "application/json",
    "X-GitHub-Event": "push",
    "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
}


def signature(body: bytes, secret: bytes = SECRET) -> str:
    """The header that proves a body."""
    return f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"


def signed(body: bytes) -> dict[str, str]:
    """All headers of a rightly signed delivery."""
    return HEADERS | {"X-Hub-Signature-256": signature(body)}


@dataclass
class FakeIntake:
    """Checks signatures and keeps bodies."""

    received: list[bytes] = field(default_factory=list)
    headers: list[Sequence[tuple[str, str]]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    fault: Exception | None = None

    def __post_init__(self) -> None:
        self.gate.set()

    def check_headers(self, headers: Sequence[tuple[str, str]]) -> None:
        content_kind(headers)

    def receive(self, headers: Sequence[tuple[str, str]], body: bytes) -> asyncio.Future[Receipt]:
        return asyncio.ensure_future(self._receive(headers, body))

    def receive_for(self, hearer: Hearer, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        def told(carried: asyncio.Future[Receipt]) -> None:
            error = asyncio.CancelledError() if carried.cancelled() else carried.exception()
            if error:
                hearer.set_exception(error)
            else:
                hearer.set_result(carried.result())

        self.receive(headers, body).add_done_callback(told)

    async def _receive(self, headers: Sequence[tuple[str, str]], body: bytes) -> Receipt:
        given = [value for name, value in headers if name.lower() == "x-hub-signature-256"]
        if len(given) != 1 or not hmac.compare_digest(given[0].encode(), signature(body).encode()):
            raise Unauthorized(Code.BAD_SIGNATURE, "the signature is missing or wrong")
        if self.fault is not None:
            raise self.fault
        await self.gate.wait()
        if body == b"[]":
            raise Invalid(Code.MALFORMED_DELIVERY, "that is not a delivery")
        self.headers.append(headers)
        self.received.append(body)
        return Receipt(
            status="accepted", delivery_id="d1", reason="deploying", verdicts=[verdict("ver_1")], http_status=202
        )


@dataclass
class FakeProjects:
    """One project, one deployment."""

    asked: list[tuple[str, object]] = field(default_factory=list)
    latest: Deployment = field(default_factory=deployment)
    fault: Exception | None = None
    drift: Drift | None = None
    says: tuple[str, ...] = ()
    """What git says while a source is looked at."""
    refuses: BoxError | None = None
    slow: bool = False
    """Whether looking at a source goes on until `looked`; `left` tells that it was cancelled meanwhile."""
    looking: asyncio.Event = field(default_factory=asyncio.Event)
    looked: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def view(self) -> ProjectView:
        return ProjectView(
            project=project(), url="http://hello.localhost:8080", state="live", live=self.latest, latest=self.latest,
            drift=self.drift,
        )  # fmt: skip

    async def create(self, asked: NewProject) -> tuple[ProjectView, Deployment]:
        self.asked.append(("create", asked))
        return self.view(), self.latest

    async def list(self) -> list[ProjectView]:
        if self.fault is not None:
            raise self.fault
        return [self.view()]

    async def get(self, project_id: ProjectId) -> ProjectView:
        self.asked.append(("get", project_id))
        if project_id not in {"prj_1", "hello"}:
            raise NotFound(Code.NOT_FOUND, "there is no such project")
        return self.view()

    async def change(self, project_id: ProjectId, changes: ProjectChanges) -> ProjectView:
        self.asked.append(("change", dict(changes.fields)))
        return self.view()

    async def delete(self, project_id: ProjectId) -> None:
        self.asked.append(("delete", project_id))

    async def redeploy(self, project_id: ProjectId, clear_cache: bool) -> Deployment | None:
        self.asked.append(("redeploy", clear_cache))
        return self.latest if clear_cache else None

    async def rollback(self, project_id: ProjectId, deployment_id: DeploymentId | None) -> Deployment:
        self.asked.append(("rollback", deployment_id))
        return self.latest

    async def resume(self, project_id: ProjectId) -> Deployment | None:
        self.asked.append(("resume", project_id))
        return None

    async def env(self, project_id: ProjectId) -> Sequence[EnvName]:
        return [EnvName(key="TOKEN", updated_at=NOW)]

    async def replace_env(
        self, project_id: ProjectId, wanted: Sequence[tuple[str, Secret | None]]
    ) -> Sequence[EnvName]:
        self.asked.append(("replace_env", wanted))
        return [EnvName(key=key, updated_at=NOW) for key, _ in wanted]

    async def deployments(self, project_id: ProjectId, page: Page) -> tuple[Sequence[Deployment], str | None]:
        self.asked.append(("deployments", page))
        return [self.latest], "more"

    async def verdicts(self, project_id: ProjectId | None, page: Page) -> tuple[Sequence[Verdict], str | None]:
        self.asked.append(("verdicts", project_id))
        return [verdict("ver_1")], None

    async def deployment(self, deployment_id: DeploymentId) -> Deployment:
        if deployment_id != self.latest.id:
            raise NotFound(Code.NOT_FOUND, "there is no such deployment")
        return self.latest

    async def cancel(self, deployment_id: DeploymentId) -> Deployment:
        return replace(self.latest, state=DeploymentState.CANCELLED)

    async def plan(self, project_id: ProjectId) -> tuple[Plan, tuple[str, ...]]:
        await self._look()
        run = Command(argv=("npm", "start"))
        install = (Command(argv=("npm", "ci")),)
        return Plan(kind=PlanKind.NODE, why="package.json", install=install, run=run), ("npm",)

    async def plan_anew(
        self, asked: NewProject, progress: Callable[[str], None] = lambda line: None
    ) -> tuple[Plan, tuple[str, ...]]:
        self.asked.append(("plan_anew", asked))
        for line in self.says:
            progress(line)
        if self.refuses is not None:
            raise self.refuses
        return await self.plan(ProjectId("prj_1"))

    async def _look(self) -> None:
        self.looking.set()
        try:
            if self.slow:
                await self.looked.wait()
        except asyncio.CancelledError:
            self.left.set()
            raise

    async def data(self, project_id: ProjectId) -> DataFolder:
        return DataFolder(path="/home/box/data/prj_1", bytes=2_500_000, files=12)

    async def down(self) -> None:
        self.asked.append(("down", None))


@dataclass
class FakeAccounts:
    """A connected account; `fault` makes every way back from GitHub fail."""

    asked: list[tuple[str, object]] = field(default_factory=list)
    fault: BoxError | None = None
    form: ManifestForm = field(
        default_factory=lambda: ManifestForm(action="https://github.test/settings/apps/new?state=x", manifest="{}")
    )

    def _check(self) -> None:
        if self.fault is not None:
            raise self.fault

    async def begin_registration(
        self, caller: str, organization: str | None, *, feedback: bool = False, checks: bool = False
    ) -> Redirection:
        self.asked.append((caller, organization))
        return Redirection(url="https://box.test/api/integrations/github/app/new?state=s", expires_at=NOW)

    async def manifest_form(self, state: str) -> ManifestForm:
        self._check()
        self.asked.append(("form", state))
        return self.form

    async def finish_registration(self, code: str | None, state: str | None) -> str:
        self._check()
        self.asked.append(("registered", (code, state)))
        return "https://github.test/apps/box/installations/new"

    async def finish_installation(
        self, installation_id: str | None, setup_action: str | None, state: str | None
    ) -> str:
        self._check()
        self.asked.append(("installed", (installation_id, setup_action, state)))
        return "https://github.test/login/oauth/authorize"

    async def begin_connect(self, caller: str) -> Redirection:
        self.asked.append(("connect", caller))
        return Redirection(url="https://github.test/login/oauth/authorize?state=s", expires_at=NOW)

    async def end_device(self) -> None:
        return None

    async def begin_device(self) -> Redirection:
        self.asked.append(("device", None))
        return Redirection(url="https://github.test/login/device", expires_at=NOW, user_code="ABCD-EFGH")

    async def install_url(self, caller: str) -> str | None:
        return None

    async def hooks(self) -> list[HookView]:
        return [HookView(state="ok", url="https://box.test/api/integrations/github/webhook")]

    async def repair_hooks(self) -> list[HookView]:
        self.asked.append(("repair_hooks", None))
        return await self.hooks()

    async def rotate_secrets(self) -> Rotated:
        self.asked.append(("rotate_secrets", None))
        return Rotated(repository_hooks=1, app_hook=True, overlap_seconds=3600)

    async def finish_connect(
        self, *, code: str | None, state: str | None, error: str | None, issuer: str | None = None
    ) -> str:
        self._check()
        self.asked.append(("callback", (code, state, error)))
        return "octo"

    async def status(self) -> GithubState:
        return GithubState(
            connected=True,
            state="connected",
            account_login="octo",
            mode="webhook",
            installations=[(installation(), ("contents: read",))],
            rate=RateBudget(limit=5000, remaining=4999, reset_at=NOW),
        )

    async def disconnect(self) -> None:
        self.asked.append(("disconnect", None))

    async def sync(self, installation_id: InstallationId | None) -> None:
        self.asked.append(("sync", installation_id))

    async def installations(self) -> list[Installation]:
        return [installation()]

    async def repositories(
        self, installation_id: InstallationId | None, query: str, page: Page
    ) -> tuple[list[tuple[Repository, tuple[ProjectId, ...]]], str | None]:
        self.asked.append(("repositories", (installation_id, query, page)))
        return [(repository(), (ProjectId("prj_1"),))], None

    async def branches(self, repo_id: RepoId, query: str, page: Page) -> tuple[list[Branch], str | None]:
        self.asked.append(("branches", (repo_id, query, page)))
        return [Branch(name="main", sha=Sha("a" * 40), default=True)], None


@dataclass
class FakeFeed:
    """Events in memory."""

    events: list[Event] = field(default_factory=list)
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, text: str = "") -> int:
        event_id = len(self.events) + 1
        self.events.append(Event(id=event_id, kind=EventKind.PROJECT, at=NOW, data={"text": text}))
        self.bell.set()
        self.bell = asyncio.Event()
        return event_id

    async def after(self, last_id: int, limit: int) -> list[Event]:
        return [event for event in self.events if event.id > last_id][:limit]

    async def last_id(self) -> int:
        return len(self.events)

    async def wait(self, last_id: int) -> None:
        while len(self.events) <= last_id:
            await self.bell.wait()


@dataclass(frozen=True)
class Line:
    """A line of a fake log."""

    after: int
    text: str


@dataclass(frozen=True)
class Piece:
    """What a fake log gives."""

    lines: Sequence[Line]
    next_offset: int
    complete: bool


@dataclass
class FakeLogs:
    """One log in memory; an offset is a number of lines."""

    lines: list[str] = field(default_factory=list)
    complete: bool = False
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[tuple[Release, str]] = field(default_factory=list)

    def ring(self) -> None:
        self.bell.set()
        self.bell = asyncio.Event()

    def read(self, release: Release, kind: LogKind, offset: int, limit: int) -> Piece:
        self.asked.append((release, kind))
        lines = [Line(number + 1, text) for number, text in enumerate(self.lines) if number >= offset][:2]
        return Piece(lines=lines, next_offset=offset + len(lines), complete=self.complete and not lines)

    def tail(self, release: Release, kind: LogKind, count: int) -> Piece:
        start = max(0, len(self.lines) - count)
        lines = [Line(number + 1, text) for number, text in enumerate(self.lines) if number >= start]
        return Piece(lines=lines, next_offset=len(self.lines), complete=False)

    async def follow(self, release: Release, kind: LogKind, offset: int) -> AsyncIterator[Line]:
        while not self.complete or len(self.lines) > offset:
            while len(self.lines) <= offset and not self.complete:
                await self.bell.wait()
            for one in self.read(release, kind, offset, 0).lines:
                offset = one.after
                yield one


@dataclass(frozen=True)
class FoundThing:
    """What a fake doctor finds."""

    code: str
    status: str
    title: str = "t"
    why: str = "w"
    fix: str | None = None
    fixable: bool = False


@dataclass
class FakeDoctor:
    """Finds what it was told to."""

    findings: list[FoundThing] = field(default_factory=lambda: [FoundThing("disk", "ok")])

    mended: int = 0

    async def look(self, *, quick: bool = False) -> Sequence[FoundThing]:
        return self.findings

    async def mend(self) -> Sequence[FoundThing]:
        self.mended += 1
        return self.findings


@dataclass
class FakeTokens:
    """Tokens in memory; a token's text is its right and its id: `read-tok_1`."""

    made: list[ApiToken] = field(default_factory=list)

    async def create(
        self, name: str, scope: Scope, expires_in_days: int | None, *, caller: str
    ) -> tuple[ApiToken, Secret]:
        token = ApiToken(id=TokenId(f"tok_{len(self.made) + 1}"), name=name, digest=caller, scope=scope, created_at=NOW)
        self.made.append(token)
        return token, Secret(f"{scope}-{token.id}")

    async def list(self) -> Sequence[ApiToken]:
        return self.made

    async def revoke(self, token_id: TokenId, *, caller: str) -> None:
        if not any(one.id == token_id for one in self.made):
            raise NotFound(Code.NOT_FOUND, "there is no such token")
        self.made = [one for one in self.made if one.id != token_id]

    async def recognise(self, presented: Secret) -> ApiToken:
        for one in self.made:
            if presented.reveal() == f"{one.scope}-{one.id}":
                return one
        raise Unauthorized(Code.UNAUTHORIZED, "the bearer token is missing, unknown, revoked or expired")


@dataclass
class FakeKeys:
    """Two keys, the older of which seals three secrets until it is looked at again."""

    made: int = 0
    left: int = 3

    async def keys(self) -> Sequence[KeyView]:
        left, self.left = self.left, 0
        return [
            KeyView(id="key_new", newest=True, here=True, uses=4 - left),
            KeyView(id="key_old", newest=False, here=True, uses=left),
        ]

    async def rotate(self, caller: str) -> Sequence[KeyView]:
        self.made += 1
        return await self.keys()


@dataclass
class FakeBackups:
    """Gives a file with the passphrase in it."""

    gone: list[Path] = field(default_factory=list)

    async def make(self, passphrase: Secret | None) -> Path:
        made = Path(tempfile.mkdtemp()) / "backup"
        made.write_text(f"a backup, {passphrase.reveal() if passphrase else 'open'}")
        return made

    async def done(self, made: Path) -> None:
        made.unlink()
        made.parent.rmdir()
        self.gone.append(made)


@dataclass
class FakeAudit:
    """Acts in memory."""

    acts: list[Act] = field(default_factory=list)
    asked: list[AuditFilter] = field(default_factory=list)

    async def note(self, act: Act) -> None:
        self.acts.append(act)

    async def list(self, wanted: AuditFilter, page: Page) -> tuple[Sequence[Entry], str | None]:
        self.asked.append(wanted)
        return [Entry(id=n, at=NOW, act=act, digest="d" * 64) for n, act in enumerate(self.acts, 1)], None

    async def check(self) -> AuditCheck:
        return AuditCheck(entries=len(self.acts), newest_digest="d" * 64)


class FakeMetrics:
    """Figures that were made up."""

    async def gather(self) -> Measured:
        fetched = Durations()
        for seconds in (0.05, 0.3, 900):
            fetched.add(seconds)
        return Measured(
            verdicts={"deployed": 2, "ignored": 1},
            deployments={"live": 2},
            steps={"fetch": fetched},
            queued=1,
            running=1,
            oldest_queued_seconds=2.5,
            projects={"live": 1},
            ingress_up=True,
            connected=True,
            rate=RateBudget(limit=5000, remaining=4321, reset_at=NOW),
            apps={"hello": FakeSampling().usage(1)[0]},
        )


class FakeSampling:
    """One app runs, and has been looked at three times."""

    def __init__(self) -> None:
        self.nothing = False

    def usage(self, samples: int) -> list[Usage]:
        if self.nothing:
            return []
        return [
            Usage(
                project_id=ProjectId("prj_1"),
                at=NOW,
                cpu_percent=[0.0, 12.5, 150.0][-samples:],
                memory_bytes=[None, 1_000_000, 84_000_000][-samples:],
                cpu_seconds=8.125,
            )
        ]


@dataclass
class FakeEngine:
    """Everything behind the doors."""

    intake: FakeIntake = field(default_factory=FakeIntake)
    accounts: FakeAccounts = field(default_factory=FakeAccounts)
    projects: FakeProjects = field(default_factory=FakeProjects)
    feed: FakeFeed = field(default_factory=FakeFeed)
    logs: FakeLogs = field(default_factory=FakeLogs)
    doctor: FakeDoctor = field(default_factory=FakeDoctor)
    tokens: FakeTokens = field(default_factory=FakeTokens)
    keys: FakeKeys = field(default_factory=FakeKeys)
    backups: FakeBackups = field(default_factory=FakeBackups)
    audit: FakeAudit = field(default_factory=FakeAudit)
    metrics: FakeMetrics = field(default_factory=FakeMetrics)
    sampling: FakeSampling = field(default_factory=FakeSampling)
    counters: IntakeCounters = field(default_factory=IntakeCounters)

    def services(self) -> Services:
        return Services(
            intake=self.intake,
            accounts=self.accounts,
            projects=self.projects,
            feed=self.feed,
            logs=self.logs,
            doctor=self.doctor,
            tokens=self.tokens,
            keys=self.keys,
            backups=self.backups,
            audit=self.audit,
            metrics=self.metrics,
            sampling=self.sampling,
            counters=self.counters,
            owner_id="usr_1",
            version="0.1",
        )
