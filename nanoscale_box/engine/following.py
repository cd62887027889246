"""Follows what GitHub tells besides pushes: installations, scopes, renames, revocations; cache and links change at
once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from nanoscale_box.core.audit import GITHUB
from nanoscale_box.core.figures import counted
from nanoscale_box.core.github import (
    AuthorizationRevoked,
    ChecksNews,
    Delivery,
    HookNews,
    InstallationChange,
    RepositoriesChange,
    RepositoryChange,
)
from nanoscale_box.core.github_model import Repository
from nanoscale_box.core.model import InstallationId, Link, Project, RepoId
from nanoscale_box.engine.records import Job, Records
from nanoscale_box.engine.telling import tell_github, tell_project

ENSURE: Final = "ensure_hook"
"""The kind of job that sees to a repository's hook."""
GONE: Final = "the App was removed from the account on GitHub"
SUSPENDED: Final = "the installation is suspended on GitHub"
OUT_OF_SCOPE: Final = "the repository is not within the installation's scope any more"
DELETED: Final = "the repository was deleted on GitHub"
ARCHIVED: Final = "the repository is archived on GitHub"
DISCONNECTED: Final = "GitHub was disconnected"
UNSEEN: Final = {GONE, OUT_OF_SCOPE, DELETED, DISCONNECTED}
"""Reasons that are gone once a sync meets the repository."""
_OURS: Final = {*UNSEEN, SUSPENDED, ARCHIVED}


def follow(records: Records, delivery: Delivery, now: datetime) -> str:
    """Apply a verified event to cache and links; give the sentence that says what was done."""
    change = delivery.change
    reason = f"the box does not follow {delivery.event} events"
    match change:
        case InstallationChange():
            reason = _installation(records, change, now)
        case RepositoriesChange():
            reason = _scope(records, change, now)
        case RepositoryChange():
            reason = _repository(records, change, now)
        case AuthorizationRevoked():
            reason = _authorization(records, change)
        case HookNews(event="meta"):
            reason = _hook_gone(records, change, delivery.delivery_id, now)
        case ChecksNews():
            return f"{delivery.event}: deployments that wait for the commit's checks are looked at"
        case HookNews(event=event):
            return f"{event}: the hook's news is noted"
        case None:
            return reason
    tell_github(records, delivery.event, now, GITHUB, action=delivery.action)
    return reason


def pause_linked(records: Records, projects: Iterable[Project], reason: str, now: datetime) -> None:
    """Pause mappings whose source is out of reach; running apps stay up, and a pause of the owner's is left alone."""
    for project in projects:
        if project.link and project.link.active:
            paused = replace(
                project,
                link=replace(project.link, active=False),
                paused_reason=project.paused_reason or reason,
                updated_at=now,
            )
            records.projects.update(paused)
            tell_project(records, paused, "changed", now)


def resume_linked(records: Records, projects: Iterable[Project], reasons: set[str], now: datetime) -> None:
    """Lift pauses that had one of these reasons, now that it is gone; those for another reason stay. A pause of the
    owner's own may hide the reason: then the cache tells whether the repository is within reach."""
    for project in projects:
        if not project.link or project.link.active or not _is_in_reach(records, project.link):
            continue
        if project.paused_reason not in _OURS - reasons:
            still = None if project.paused_reason in reasons else project.paused_reason
            resumed = replace(project, link=replace(project.link, active=True), paused_reason=still, updated_at=now)
            records.projects.update(resumed)
            tell_project(records, resumed, "changed", now)


def has_active_links(records: Records) -> bool:
    """Whether any project goes on by GitHub."""
    return any(project.link and project.link.active for project in records.projects.list())


def of_installation(records: Records, installation_id: InstallationId) -> list[Project]:
    """The projects linked through an installation."""
    return [p for p in records.projects.list() if p.link and p.link.installation_id == installation_id]


def renew_links(records: Records, repository: Repository, now: datetime) -> None:
    """Carry a repository's present name and branch to the links that know it by its id."""
    for project in records.projects.on_repository(repository.repo_id):
        if project.link is None:
            continue
        link = replace(
            project.link,
            installation_id=repository.installation_id,
            owner_login=repository.owner_login,
            repo_name=repository.name,
            full_name=repository.full_name,
            default_branch=repository.default_branch,
            is_private=repository.is_private,
        )
        if link != project.link:
            records.projects.update(replace(project, link=link, updated_at=now))
            tell_project(records, project, "changed", now)


def _is_in_reach(records: Records, link: Link) -> bool:
    known = records.github.repository(link.repo_id)
    return known is not None and known.installation_id == link.installation_id and not known.archived


def _installation(records: Records, change: InstallationChange, now: datetime) -> str:
    installation = change.installation
    projects = of_installation(records, installation.installation_id)
    match change.action:
        case "deleted":
            records.github.drop_installation(installation.installation_id)
            pause_linked(records, projects, GONE, now)
            return "the installation is gone; its projects are paused"
        case "suspend":
            records.github.put_installation(installation, now)
            pause_linked(records, projects, SUSPENDED, now)
            return "the installation is suspended; its projects are paused"
        case "unsuspend":
            records.github.put_installation(installation, now)
            resume_linked(records, projects, {SUSPENDED}, now)
            return "the installation works again; its projects go on"
        case _:
            records.github.put_installation(installation, now)
            return "the installation is noted"


def _scope(records: Records, change: RepositoriesChange, now: datetime) -> str:
    known = records.github.installation(change.installation_id)
    if known:
        records.github.put_installation(replace(known, repository_selection=change.selection), now)
    for repo_id in change.removed:
        records.github.drop_repository(repo_id)
        pause_linked(records, records.projects.on_repository(repo_id), OUT_OF_SCOPE, now)
    # What came into scope is resumed by the sync that follows, once the cache knows it again.
    return f"{counted(len(change.added), 'repository', 'repositories')} came into scope, {len(change.removed)} left it"


def _repository(records: Records, change: RepositoryChange, now: datetime) -> str:
    repository = change.repository
    known = records.github.repository(repository.repo_id)
    if known is None:
        return "the repository is not one the box knows"
    projects = records.projects.on_repository(RepoId(repository.repo_id))
    if change.action == "deleted":
        records.github.drop_repository(repository.repo_id)
        pause_linked(records, projects, DELETED, now)
        return "the repository was deleted; its projects are paused"
    fresh = replace(repository, installation_id=known.installation_id)
    records.github.put_repositories([fresh], now)
    renew_links(records, fresh, now)
    if change.action == "archived":
        pause_linked(records, projects, ARCHIVED, now)
    elif change.action == "unarchived":
        resume_linked(records, projects, {ARCHIVED}, now)
    return f"the repository was {change.action}"


def _hook_gone(records: Records, change: HookNews, delivery_id: str, now: datetime) -> str:
    """A repository's hook was deleted: order a new one if a project needs it."""
    sharing = [one for one in records.projects.by_webhook(change.hook_id) if one.link and one.link.active]
    if not sharing:
        return "the hook is gone, and no project needs it"
    for project in sharing:
        if project.link:
            records.projects.update(replace(project, link=replace(project.link, webhook_id=None)))
    payload = json.dumps({"project_id": sharing[0].id})
    records.keeper.add_job(Job(id=f"job_meta_{delivery_id}", kind=ENSURE, payload=payload, due_at=now))
    return "the repository's hook was deleted; a new one is made"


def _authorization(records: Records, change: AuthorizationRevoked) -> str:
    account = records.github.account()
    if account is None or account.github_user_id != change.github_user_id:
        return "the grant of a user the box does not know was revoked"
    records.github.drop_account()
    return "the grant was revoked; connect again to browse repositories"
