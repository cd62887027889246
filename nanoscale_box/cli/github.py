"""`github connect|status|repos|branches|sync|disconnect`."""

from __future__ import annotations

import sys
import webbrowser
from argparse import Namespace

import segno

from nanoscale_box.cli.printing import Printer
from nanoscale_box.cli.projects import find_repository
from nanoscale_box.cli.status import github_line
from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.wire import shapes


async def connect(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Open the page that registers the App or connects the account, then wait until it is done."""
    before = await client.github_status()
    if before.connected and not options.json:
        printer.talk(f"Connected as {before.account_login}. This connects again, or another account.")
    if before.state == "unconfigured":
        redirect = await client.register_app(options.organization)
    else:
        redirect = await client.start_connect()
    if options.json:
        printer.data(redirect)
        return 0
    printer.line(f"Open this page in a browser:\n\n  {redirect.redirect_url}\n")
    if sys.stdout.isatty():
        segno.make(redirect.redirect_url, micro=False).terminal(out=sys.stderr, compact=True)
        if not options.no_browser:
            webbrowser.open(redirect.redirect_url)
    printer.talk("Waiting until GitHub sends the browser back (ctrl-c ends the waiting, the page stays good) ...")
    async for event in client.events():
        if isinstance(event, shapes.Event) and event.kind == "github" and event.data.get("change") == "connected":
            printer.line(github_line(await client.github_status()))
            return 0
    return 1


async def status(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """The connection in full."""
    found = await client.github_status()
    if options.json:
        printer.data(found)
        return 0
    printer.line(github_line(found))
    printer.table([_installation_row(one) for one in found.installations])
    if found.rate:
        printer.facts([("requests left", f"{found.rate.remaining} of {found.rate.limit}")])
    return 0


async def repos(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Repositories in scope, the best match first."""
    page = await client.repos(query=options.query, limit=options.limit)
    if options.json:
        printer.data(page)
        return 0
    printer.table([_repository_row(one) for one in page.items])
    if page.next_cursor:
        printer.talk(f"... and more; narrow it down, or see more with --limit {options.limit * 5}")
    if not page.items:
        printer.talk("No repository is in scope. Ask GitHub again: nanoscale-box github sync")
    return 0


async def branches(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Branches of a repository in scope."""
    repository = await find_repository(client, printer, options.repository)
    if repository is None:
        return 1
    page = await client.branches(repository.repo_id, limit=options.limit)
    if options.json:
        printer.data(page)
    else:
        printer.table([(one.name, one.sha[:7], "default" if one.default else "") for one in page.items])
    return 0


async def sync(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Ask GitHub again and wait for the end of it."""
    seen = 0
    stream = client.events(0, follow=False)
    async for event in stream:
        seen = event.id if isinstance(event, shapes.Event) else seen
    await client.sync_repos()
    async for event in client.events(seen):
        if not isinstance(event, shapes.Event) or event.kind != "github":
            continue
        if event.data.get("change") == "synced":
            printer.data(event.data) if options.json else printer.line(f"{event.data.get('repositories')} repositories")
            return 0
        if event.data.get("change") == "sync_failed":
            detail, hint = str(event.data.get("detail")), str(event.data.get("hint"))
            printer.problem(
                shapes.Problem(
                    title="sync failed", status=502, detail=detail, code=str(event.data.get("code")), hint=hint
                )
            )
            return 1
    return 1


async def disconnect(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Disconnect after asking."""
    if not options.yes:
        printer.talk("This revokes the box's access on GitHub; pushes are not deployed any more, running apps stay up.")
        printer.talk("Go on with: nanoscale-box github disconnect --yes")
        return 2
    await client.disconnect()
    printer.talk("Disconnected. Connect again with: nanoscale-box github connect")
    return 0


def _installation_row(one: shapes.Installation) -> tuple[str, ...]:
    scope = "all repositories" if one.repository_selection == "all" else "selected repositories"
    notes = ["suspended"] if one.suspended else []
    if one.missing_permissions:
        notes.append(f"missing: {', '.join(one.missing_permissions)}")
    return one.account_login, one.account_type.lower(), scope, "; ".join(notes)


def _repository_row(one: shapes.Repository) -> tuple[str, ...]:
    marks = ["private"] if one.is_private else []
    marks += [mark for mark, on in (("archived", one.archived), ("disabled", one.disabled)) if on]
    if one.project_ids:
        marks.append("used")
    return one.full_name, one.default_branch, ", ".join(marks)
