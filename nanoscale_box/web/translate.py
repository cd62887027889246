"""From what is true to what is told: each noun of the box in its shape on the wire, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nanoscale_box.core import github_model, model
from nanoscale_box.core.audit import AuditCheck, Entry
from nanoscale_box.core.model import DataFolder
from nanoscale_box.core.plan_model import Command, Plan
from nanoscale_box.core.settings import SETTINGS, ProjectSettings
from nanoscale_box.core.tokens import ApiToken
from nanoscale_box.engine import views
from nanoscale_box.engine.hookcheck import HookView
from nanoscale_box.engine.resealing import KeyView
from nanoscale_box.engine.rotation import Rotated
from nanoscale_box.engine.sampling import SECONDS_APART, Usage
from nanoscale_box.web.services import Finding
from nanoscale_box.wire import shapes
from nanoscale_box.wire import usage as wire_usage


def deployment(one: model.Deployment) -> shapes.Deployment:
    """A deployment."""
    return shapes.Deployment(
        id=one.id,
        project_id=one.project_id,
        number=one.number,
        trigger=one.trigger.value,
        state=one.state.value,
        sha=one.sha,
        ref=one.ref,
        subject=one.subject,
        author=one.author,
        delivery_id=one.delivery_id,
        superseded_by=one.superseded_by,
        error=failure(one.failure) if one.failure else None,
        steps=[shapes.Step(name=step.name, state=step.state, duration_ms=step.duration_ms) for step in one.steps],
        queued_at=one.queued_at,
        due_at=one.due_at,
        started_at=one.started_at,
        finished_at=one.finished_at,
    )


def failure(one: model.Failure) -> shapes.Problem:
    """Why a deployment failed."""
    return shapes.Problem(
        title="deployment failed", status=422, detail=one.detail, code=one.code, hint=one.hint or None
    )


def project(view: views.ProjectView) -> shapes.Project:
    """A project with what runs of it."""
    one = view.project
    return shapes.Project(
        id=one.id,
        name=one.name,
        url=view.url,
        hosts=list(one.hosts),
        state=view.state,
        paused=one.paused,
        paused_reason=one.paused_reason,
        pinned_deployment_id=one.pinned_deployment_id,
        source_provider=one.source_provider.value,
        repo_url=one.repo_url,
        source_repo_id=one.link.repo_id if one.link else None,
        branch=one.branch,
        github=link(one.link) if one.link else None,
        install_command=one.install_command,
        build_command=one.build_command,
        run_command=one.run_command,
        output_directory=one.output_directory,
        root_directory=one.root_directory,
        **settings(one.settings),
        wait_for_ci=one.wait_for_ci,
        live=deployment(view.live) if view.live else None,
        latest=deployment(view.latest) if view.latest else None,
        drift=drift(view.drift) if view.drift else None,
        created_at=one.created_at,
        updated_at=one.updated_at,
    )


def settings(one: ProjectSettings) -> dict[str, Any]:
    """What the owner settled for a project, by the wire's names; null is the default."""
    named: dict[str, Any] = {name: getattr(one, name) for name in SETTINGS}
    return {**named, "watch_paths": list(one.watch_paths) or None}


def link(one: model.Link) -> shapes.GithubLink:
    """A project's tie to GitHub."""
    return shapes.GithubLink(
        installation_id=one.installation_id,
        repo_id=one.repo_id,
        full_name=one.full_name,
        selected_branch=one.selected_branch,
        is_private=one.is_private,
        webhook_id=one.webhook_id,
    )


def drift(one: views.Drift) -> shapes.Drift:
    """How what runs differs from the branch's head."""
    return shapes.Drift(behind=one.behind, since=one.since, reason=one.reason)


def verdict(one: model.Verdict) -> shapes.Verdict:
    """What became of a push."""
    return shapes.Verdict(
        id=one.id,
        project_id=one.project_id,
        source=one.source,
        delivery_id=one.delivery_id,
        ref=one.ref,
        sha=one.sha,
        outcome=one.outcome,
        code=one.code,
        reason=one.reason,
        deployment_id=one.deployment_id,
        at=one.at,
    )


def event(one: model.Event) -> shapes.Event:
    """A change; its data has the wire's names already."""
    return shapes.Event(
        id=one.id,
        kind=one.kind.value,
        at=one.at,
        project_id=one.project_id,
        deployment_id=one.deployment_id,
        data=one.data,
    )


def receipt(one: model.Receipt) -> shapes.WebhookAnswer:
    """What GitHub is told of its delivery."""
    return shapes.WebhookAnswer(
        status=one.status,
        delivery_id=one.delivery_id,
        reason=one.reason,
        verdicts=[verdict(each) for each in one.verdicts],
    )


def installation(one: github_model.Installation, missing: Sequence[str] = ()) -> shapes.Installation:
    """The App on one account."""
    return shapes.Installation(
        installation_id=one.installation_id,
        account_login=one.account_login,
        account_type=one.account_type,
        repository_selection=one.repository_selection,
        suspended=one.suspended,
        missing_permissions=list(missing),
    )


def github_state(one: views.GithubState) -> shapes.GithubStatus:
    """How the box stands with GitHub."""
    rate = one.rate
    return shapes.GithubStatus(
        connected=one.connected,
        state=one.state,
        account_login=one.account_login,
        mode=one.mode,
        installations=[installation(each, missing) for each, missing in one.installations],
        rate=shapes.Rate(limit=rate.limit, remaining=rate.remaining, reset_at=rate.reset_at) if rate else None,
        problems=[problem.sentence for problem in one.problems],
    )


def hook(one: HookView) -> shapes.Hook:
    """How a webhook stands."""
    return shapes.Hook(
        state=one.state,
        repo_id=one.repo_id,
        full_name=one.full_name,
        hook_id=one.hook_id,
        url=one.url,
        detail=one.detail,
        project_ids=list(one.project_ids),
    )


def rotated(one: Rotated) -> shapes.SecretsRotated:
    """What was given a new secret."""
    return shapes.SecretsRotated(
        repository_hooks=one.repository_hooks,
        app_hook=one.app_hook,
        overlap_seconds=one.overlap_seconds,
        note=one.note,
    )


def repository(row: tuple[github_model.Repository, Sequence[model.ProjectId]]) -> shapes.Repository:
    """A repository and the projects that deploy from it; GitHub's id is its identity here too."""
    one, project_ids = row
    return shapes.Repository(
        id=str(one.repo_id),
        installation_id=one.installation_id,
        repo_id=one.repo_id,
        node_id=one.node_id,
        owner_login=one.owner_login,
        name=one.name,
        full_name=one.full_name,
        default_branch=one.default_branch,
        is_private=one.is_private,
        html_url=one.html_url,
        clone_url=one.clone_url,
        archived=one.archived,
        disabled=one.disabled,
        last_synced_at=one.last_synced_at,
        project_ids=list(project_ids),
    )


def branch(one: github_model.Branch) -> shapes.Branch:
    """A branch and its head."""
    return shapes.Branch(name=one.name, sha=one.sha, default=one.default)


def redirection(one: views.Redirection) -> shapes.Redirect:
    """Where the owner's browser goes next."""
    return shapes.Redirect(redirect_url=one.url, expires_at=one.expires_at, user_code=one.user_code)


def env_name(one: views.EnvName) -> shapes.EnvEntry:
    """A variable's name."""
    return shapes.EnvEntry(key=one.key, updated_at=one.updated_at)


def finding(one: Finding) -> shapes.Finding:
    """One thing the doctor looked at."""
    return shapes.Finding(
        code=one.code, status=one.status, title=one.title, why=one.why, fix=one.fix, fixable=one.fixable
    )


def token(one: ApiToken) -> shapes.Token:
    """A bearer token, without its text."""
    return shapes.Token(
        id=one.id,
        name=one.name,
        scope=one.scope.value,
        created_at=one.created_at,
        expires_at=one.expires_at,
        last_used_at=one.last_used_at,
    )


def key(one: KeyView) -> shapes.Key:
    """An encryption key, by its id."""
    return shapes.Key(id=one.id, newest=one.newest, here=one.here, uses=one.uses)


def audit_entry(one: Entry) -> shapes.AuditEntry:
    """An entry of the audit."""
    act = one.act
    return shapes.AuditEntry(
        id=one.id,
        at=one.at,
        who=act.who,
        action=act.action,
        target=act.target,
        outcome=act.outcome,
        delivery_id=act.delivery_id,
        sha=act.sha,
        detail=act.detail,
        digest=one.digest,
    )


def audit_check(one: AuditCheck) -> shapes.AuditCheck:
    """Whether the audit is whole."""
    return shapes.AuditCheck(
        ok=one.broken_at is None, entries=one.entries, broken_at=one.broken_at, newest_digest=one.newest_digest
    )


def data(one: DataFolder) -> shapes.ProjectData:
    """What an app keeps."""
    return shapes.ProjectData(path=one.path, bytes=one.bytes, files=one.files, whole=one.whole)


def plan(one: Plan, missing: Sequence[str]) -> shapes.PlanPreview:
    """What will be built and how."""
    steps: list[tuple[str, Command]] = [
        *(("install", command) for command in one.install),
        *(("build", command) for command in one.build),
        *([("preflight", one.preflight)] if one.preflight else []),
        *([("run", one.run)] if one.run else []),
        *one.workers.items(),
        *([("release", one.release)] if one.release else []),
    ]
    return shapes.PlanPreview(
        kind=one.kind.value,
        why=one.why,
        commands=[shapes.PlannedCommand(name=name, command=command.text) for name, command in steps],
        output_directory=one.output_directory,
        health_path=one.health.path,
        missing=list(missing),
        in_file=list(one.in_file),
    )


def usage(one: Usage) -> wire_usage.Usage:
    """What a project's running app takes."""
    return wire_usage.Usage(
        project_id=one.project_id,
        at=one.at,
        seconds_apart=SECONDS_APART,
        cpu_percent=list(one.cpu_percent),
        memory_bytes=list(one.memory_bytes),
        cpu_seconds=round(one.cpu_seconds, 2),
    )
