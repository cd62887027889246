"""`projects list|show|plan|create|set|delete`."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from nanoscale_box.cli.env import pair
from nanoscale_box.cli.meanwhile import meanwhile
from nanoscale_box.cli.mistakes import FAILED, Mistake
from nanoscale_box.cli.printing import Printer, ago, drifted, short, state
from nanoscale_box.cli.status import project_row
from nanoscale_box.cli.waiting import wait_for_end
from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.core.figures import counted
from nanoscale_box.wire import requests, shapes

_COMMANDS = ("install_command", "build_command", "run_command", "output_directory", "root_directory")
_SETTINGS = (
    "tag_pattern", "health_path", "health_status", "health_timeout_seconds", "health_grace_seconds", "stop_seconds",
    "memory_mb", "cpu_percent", "tasks_max", "build_timeout_seconds", "build_memory_mb", "preflight_command",
    "release_command",
)  # fmt: skip


async def list_projects(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """All projects."""
    found = await client.projects()
    if options.json:
        printer.data({"items": found, "next_cursor": None})
    elif not found:
        printer.talk("No project yet. Make one: nanoscale-box projects create --url URL --branch main")
    else:
        printer.table([project_row(project) for project in found])
    return 0


async def show(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """One project."""
    project = await client.project(options.project)
    if options.json:
        printer.data(project)
        return 0
    kept = await client.data(options.project)
    files = f"{counted(kept.files, 'file')}{'' if kept.whole else ' or more'}"
    told = f"{kept.bytes / 1_000_000:,.1f} MB in {files}, {kept.path}"
    printer.facts([*_facts(project), ("data", told)])
    return 0


def check_plan(options: Namespace) -> None:
    """A project there is, or a source for one; the commands are those of the project there is."""
    if sum(one is not None for one in (options.project, options.repo, options.url)) != 1:
        raise Mistake(
            "a plan is made of one thing",
            "give a project's name, or either --repo OWNER/NAME or --url URL",
            code="invalid_source",
        )
    if options.project and any(getattr(options, name) is not None for name in ("branch", *_COMMANDS)):
        raise Mistake(
            "a project there is has commands of its own",
            "change them first (nanoscale-box projects set), or give --repo or --url instead of the project",
        )


async def plan(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """What would be built and how; 1 when the machine lacks a tool for it."""
    with meanwhile(printer, "fetching the source and looking") as hear:
        found = await _look(client, options, hear)
    if options.json:
        printer.data(found)
        return 1 if found.missing else 0
    printer.facts(
        [
            ("kind", found.kind),
            ("why", found.why),
            *((one.name, one.command) for one in found.commands),
            ("output", found.output_directory),
            ("health", found.health_path),
        ]
    )
    if found.missing:
        more = "nanoscale-box projects set --help" if options.project else "nanoscale-box projects plan --help"
        raise Mistake(
            f"this machine lacks {', '.join(found.missing)}, so the build would fail",
            f"install what is missing, or give commands that do without it: {more}",
            status=FAILED,
            code="tool_missing",
        )
    return 0


async def _look(client: BoxClient, options: Namespace, hear: Callable[[str], None] | None) -> shapes.PlanPreview:
    if options.project:
        return await client.plan(options.project)
    fields = {name: getattr(options, name) for name in _COMMANDS}
    return await client.plan_anew(requests.CreateProject(**fields, **await _source(client, options)), hear)


def check_create(options: Namespace) -> None:
    """One source, and variables in the form of KEY=VALUE."""
    if (options.repo is None) == (options.url is None):
        raise Mistake(
            "a project has one source",
            "give either --repo OWNER/NAME (see: nanoscale-box github repos) or --url URL",
            code="invalid_source",
        )
    options.env = [requests.EnvVar(key=key, value=value) for key, value in map(pair, options.env)]


async def create(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Make a project and follow its first deployment to the end."""
    fields: dict[str, Any] = {name: getattr(options, name) for name in _COMMANDS}
    fields |= {name: None if getattr(options, name) == "" else getattr(options, name) for name in _SETTINGS}
    fields["watch_paths"] = options.watch_path
    fields |= await _source(client, options)
    fields["wait_for_ci"] = bool(options.wait_for_ci)
    created = await client.create_project(
        requests.CreateProject(name=options.name, domains=options.domain, env_vars=options.env, **fields)
    )
    if options.json:
        printer.data(created)
        return 0
    printer.talk(f"{created.project.name} is made; deploying #{created.deployment.number}")
    return await wait_for_end(client, created.deployment, printer)


async def _source(client: BoxClient, options: Namespace) -> dict[str, Any]:
    """Where a new project comes from, as the request has it."""
    if options.url:
        return {"repo_url": options.url, "branch": options.branch}
    repository = await find_repository(client, options.repo)
    chosen = requests.GithubSource(
        installation_id=repository.installation_id,
        repo_id=repository.repo_id,
        selected_branch=options.branch or repository.default_branch,
    )
    return {"github_source": chosen}


async def find_repository(client: BoxClient, full_name: str) -> shapes.Repository:
    """A repository in scope by its whole name, or a sentence that says what is there instead."""
    page = await client.repos(query=full_name)
    for repository in page.items:
        if repository.full_name.lower() == full_name.lower():
            return repository
    if not page.items and not (await client.github_status()).connected:
        raise Mistake(
            "no GitHub account is connected",
            "connect one: nanoscale-box github connect; a public repository needs none: --url URL",
            status=FAILED,
            code="github_not_connected",
        )
    near = ", ".join(repository.full_name for repository in page.items[:3])
    raise Mistake(
        f"no repository {full_name} is in scope{f'; is it {near}?' if near else ''}",
        "see all: nanoscale-box github repos; ask GitHub again: nanoscale-box github sync",
        status=FAILED,
        code="repository_unknown",
    )


def check_change(options: Namespace) -> None:
    """Something must change."""
    told = {name: getattr(options, name) for name in (*_COMMANDS, *_SETTINGS, "name", "branch")}
    options.fields = {name: None if value == "" else value for name, value in told.items() if value is not None}
    if options.watch_path is not None:
        options.fields["watch_paths"] = [pattern for pattern in options.watch_path if pattern]
    if options.domain is not None:
        options.fields["domains"] = [host for host in options.domain if host]
    if options.wait_for_ci is not None:
        options.fields["wait_for_ci"] = options.wait_for_ci
    if not options.fields:
        raise Mistake("nothing to change was named", "see: nanoscale-box projects set --help")


async def change(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Change what was named."""
    project = await client.change_project(options.project, requests.ChangeProject(**options.fields))
    if options.json:
        printer.data(project)
    else:
        printer.talk(f"{project.name} is changed; the next deployment uses it: nanoscale-box deploy {project.name}")
    return 0


async def delete(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Delete a project whose name was typed."""
    project = await client.project(options.project)
    typed = options.confirm
    if typed is None and sys.stdin.isatty():
        printer.talk(f"This stops {project.name} and removes its releases, environment, logs and data.")
        sys.stderr.write("Type its name to go on: ")
        sys.stderr.flush()
        typed = sys.stdin.readline().strip()
    if typed != project.name:
        raise Mistake(
            f"{project.name} was not deleted, since its name was not typed", f"confirm with: --confirm {project.name}"
        )
    await client.delete_project(project.id)
    printer.talk(f"{project.name} is deleted")
    return 0


def _facts(project: shapes.Project) -> list[tuple[str, str | None]]:
    source = project.github.full_name if project.github else project.repo_url
    live = project.live
    return [
        ("name", project.name),
        ("state", state(project.state)),
        ("url", project.url),
        ("hosts", ", ".join(project.hosts)),
        ("source", f"{source}, branch {project.branch}"),
        ("paused", project.paused_reason),
        ("drift", drifted(project)),
        ("live", f"#{live.number} {short(live.sha)} {live.subject or ''}, {ago(live.finished_at)}" if live else None),
        ("install", project.install_command),
        ("build", project.build_command),
        ("run", project.run_command),
        ("output", project.output_directory),
        ("root", project.root_directory),
        *((name.replace("_", " "), None if value is None else str(value)) for name, value in _settled(project)),
        ("pushes", "deployed once CI is green" if project.wait_for_ci else None),
        ("id", project.id),
    ]


def _settled(project: shapes.Project) -> list[tuple[str, Any]]:
    watched = ", ".join(project.watch_paths) if project.watch_paths else None
    return [("watch_paths", watched), *((name, getattr(project, name)) for name in _SETTINGS)]
