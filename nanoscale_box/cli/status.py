"""`status`, `doctor` and `down`."""

from __future__ import annotations

from argparse import Namespace

from nanoscale_box.cli.printing import Printer, ago, drifted, short, state
from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.wire import shapes


async def status(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """What runs, how GitHub is connected, and what needs the owner."""
    github, projects = await client.github_status(), await client.projects()
    if options.json:
        printer.data({"github": github, "projects": projects})
        return 0
    printer.line(github_line(github))
    if not projects:
        printer.line("No project yet. Make one: nanoscale-box projects create --url URL --branch main")
    printer.table([project_row(project) for project in projects])
    for finding in (await client.doctor(quick=True)).findings:
        if finding.status == "fail":
            printer.line(f"{state(finding.status)} {finding.title}")
            printer.line(f"      mend it: {finding.fix}" if finding.fix else f"      {finding.why}")
    return 0


def github_line(github: shapes.GithubStatus) -> str:
    """The connection in one line, with the next step if there is one."""
    match github.state:
        case "connected":
            return f"GitHub: connected as {github.account_login}, {github.mode}"
        case "reconnect":
            return "GitHub: the account must be connected again: nanoscale-box github connect"
        case "registered":
            return "GitHub: App registered, no account connected yet: nanoscale-box github connect"
        case _:
            return "GitHub: not connected. Private repositories need it: nanoscale-box github connect"


def project_row(project: shapes.Project) -> tuple[str, ...]:
    """A project in a line."""
    live = project.live
    what = f"{short(live.sha)} {live.subject or ''}".strip() if live else ""
    notes = [told] if (told := drifted(project)) else []
    if project.paused and not notes:
        notes.append(f"paused: {project.paused_reason}")
    return (
        state(project.state),
        project.name,
        project.branch,
        what[:60],
        ago(live.finished_at) if live else "",
        project.url,
        "; ".join(notes),
    )


async def doctor(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """All findings; 1 when one fails."""
    found = await client.doctor(fix=options.fix)
    if options.json:
        printer.data(found)
    else:
        for finding in found.findings:
            printer.table([(state(finding.status), finding.title)])
            if finding.status != "ok":
                printer.line(f"      {finding.why}")
            if finding.fix:
                printer.line(f"      mend it: {finding.fix}")
    return 0 if found.ok else 1


async def down(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Stop all apps and the ingress."""
    await client.down()
    printer.talk("All apps and the ingress have stopped. Bring one up again: nanoscale-box deploy PROJECT")
    return 0
