"""`github connect|status|repos|branches|sync|hooks|disconnect` and `secrets rotate-webhook`."""

from __future__ import annotations

import os
import sys
from argparse import Namespace

import segno

from nanoscale_box.cli.mistakes import Mistake
from nanoscale_box.cli.printing import Printer
from nanoscale_box.cli.projects import find_repository
from nanoscale_box.cli.status import github_line
from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.core.figures import counted
from nanoscale_box.tui.around import browse, tunnel
from nanoscale_box.wire import shapes


async def connect(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Open the page that registers the App or connects the account, then wait until it is done."""
    before = await client.github_status()
    if before.connected and not options.json:
        printer.talk(f"Connected as {before.account_login}. This connects again, or another account.")
    if before.state == "unconfigured" and not options.device:
        redirect = await client.register_app(options.organization, feedback=options.feedback, checks=options.checks)
    elif options.device:
        redirect = await client.start_device()
    else:
        redirect = await client.start_connect()
    if options.json:
        printer.data(redirect)
        return 0
    _show(redirect.redirect_url, printer, browser=not options.no_browser)
    if redirect.user_code:
        printer.talk("Enter this code there:")
        printer.line(redirect.user_code)
        printer.now()
    printer.talk("Waiting until GitHub sends the browser back; ctrl-c ends the waiting, the page stays good ...")
    async for event in client.events():
        change = event.data.get("change") if isinstance(event, shapes.Event) and event.kind == "github" else None
        if change == "connected" and isinstance(event, shapes.Event):
            printer.line(github_line(await client.github_status()))
            if install := event.data.get("install_url"):
                printer.talk(f"The App is installed nowhere yet. Choose repositories for it: {install}")
            return 0
        if change == "connect_failed" and isinstance(event, shapes.Event):
            printer.problem(_problem_of(event, "not connected"))
            return 1
    return 1


def _problem_of(event: shapes.Event, title: str) -> shapes.Problem:
    detail, hint = str(event.data.get("detail")), str(event.data.get("hint"))
    return shapes.Problem(title=title, status=502, detail=detail, code=str(event.data.get("code")), hint=hint)


def _show(url: str, printer: Printer, *, browser: bool) -> None:
    """The page as text, as a QR code and in the browser, whichever the place allows."""
    printer.talk("Open this page in a browser:")
    printer.line(url)
    printer.now()
    if command := tunnel(url, os.environ):
        printer.talk("It is this machine's own. To reach it from where you sit, first run there:")
        printer.talk(f"  {command}")
    elif sys.stderr.isatty():
        segno.make(url, micro=False, error="l").terminal(out=sys.stderr, compact=True)
    if browser and sys.stdout.isatty():
        browse(url, os.environ)


async def status(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """The connection in full."""
    found = await client.github_status()
    if options.json:
        printer.data(found)
        return 0
    printer.line(github_line(found))
    printer.table([_installation_row(one) for one in found.installations])
    if found.rate:
        printer.facts(
            [("requests left", f"{found.rate.remaining} of {found.rate.limit}, until {found.rate.reset_at:%H:%M} UTC")]
        )
    for problem in found.problems:
        printer.talk(f"▲ {problem}")
    return 0


async def hooks(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """How each webhook stands; with --repair, what is not in order is mended."""
    found = await client.hooks(repair=options.repair)
    if options.json:
        printer.data(shapes.Page[shapes.Hook](items=found))
        return 0
    printer.table([(one.full_name or "the App's own", one.state, one.detail or one.url or "") for one in found])
    if not found:
        printer.talk("GitHub is not connected, so there are no webhooks.")
    return 0


async def rotate(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """New secrets for all webhooks; no delivery is lost."""
    done = await client.rotate_secrets()
    if options.json:
        printer.data(done)
        return 0
    own = "the App's hook and " if done.app_hook else ""
    printer.line(f"New secrets for {own}{counted(done.repository_hooks, 'repository hook')}.")
    printer.talk(f"GitHub is given them now; the old ones verify for {done.overlap_seconds // 60} minutes after that.")
    if done.note:
        printer.talk(done.note)
    return 0


async def repos(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Repositories in scope, the best match first."""
    page = await client.repos(query=options.query, limit=options.limit)
    if options.json:
        printer.data(page)
        return 0
    printer.table([_repository_row(one) for one in page.items])
    if page.next_cursor:
        printer.talk(f"... and more; narrow it down, or see more with --limit {min(options.limit * 5, 200)}")
    if not page.items:
        await _say_why_none(client, options, printer)
    return 0


async def _say_why_none(client: BoxClient, options: Namespace, printer: Printer) -> None:
    if not (await client.github_status()).connected:
        printer.talk("No GitHub account is connected. Connect one: nanoscale-box github connect")
    elif options.query:
        printer.talk(f"No repository matches {options.query}. See all: nanoscale-box github repos")
    else:
        printer.talk("No repository is in scope. Ask GitHub again: nanoscale-box github sync")


async def branches(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Branches of a repository in scope."""
    repository = await find_repository(client, options.repository)
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
            number = int(event.data.get("repositories", 0))
            printer.data(event.data) if options.json else printer.line(counted(number, "repository", "repositories"))
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


def check_disconnect(options: Namespace) -> None:
    """It cannot be taken back."""
    if not options.yes:
        raise Mistake(
            "this revokes the box's access on GitHub: pushes are not deployed any more, running apps stay up",
            "go on with: nanoscale-box github disconnect --yes",
        )


async def disconnect(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Disconnect, which was confirmed."""
    before = await client.github_status()
    await client.disconnect()
    after = await client.github_status()
    if before.state == "registered" and after.state == "unconfigured":
        printer.talk("The box forgot its App. Delete it on GitHub too: Settings, Developer settings, GitHub Apps.")
    else:
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
