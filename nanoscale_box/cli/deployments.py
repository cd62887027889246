"""`deploy`, `deployments`, `cancel`, `rollback`, `pause`, `resume`."""

from __future__ import annotations

from argparse import Namespace

from nanoscale_box.cli.mistakes import Mistake, not_there
from nanoscale_box.cli.printing import Printer, ago, duration, short, state
from nanoscale_box.cli.waiting import wait_for_end
from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.wire import requests, shapes


async def deploy(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Deploy the head now, and follow it unless told not to."""
    deployment = await client.redeploy(options.project, clear_cache=options.clear_cache)
    if options.json:
        printer.data(shapes.MaybeDeployment(deployment=deployment))
        return 0
    return await _follow(client, deployment, printer, wait=not options.no_wait)


async def list_deployments(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Newest first."""
    page = await client.deployments(options.project, limit=options.limit)
    if options.json:
        printer.data(page)
        return 0
    printer.table([deployment_row(one) for one in page.items])
    if page.next_cursor:
        printer.talk(f"... and older ones; see more with --limit {min(options.limit * 5, 200)}")
    return 0


def deployment_row(one: shapes.Deployment) -> tuple[str, ...]:
    """A deployment in a line."""
    said = one.error.detail if one.error else one.subject or ""
    return (
        f"#{one.number}",
        state(one.state),
        short(one.sha),
        one.trigger,
        ago(one.queued_at),
        duration(one.started_at, one.finished_at),
        said,
    )


async def cancel(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Cancel by the deployment's id, or the newest of a project."""
    wanted = options.deployment
    if not wanted.startswith("dep_"):
        newest = (await client.project(wanted)).latest
        if newest is None:
            raise not_there(f"{wanted} has no deployment", f"start one: nanoscale-box deploy {wanted}")
        wanted = newest.id
    cancelled = await client.cancel(wanted)
    if options.json:
        printer.data(cancelled)
    else:
        printer.talk(f"#{cancelled.number} is {cancelled.state}")
    return 0


def check_rollback(options: Namespace) -> None:
    """Deployments are numbered; `#12` and `12` are the same."""
    if options.to is not None:
        options.to = options.to.removeprefix("#")
        if not (options.to.isascii() and options.to.isdigit()):
            raise Mistake(
                f"--to: {options.to!r} is not the number of a deployment", "see: nanoscale-box deployments PROJECT"
            )


async def rollback(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Start a kept release again."""
    target = await _numbered(client, options.project, int(options.to)) if options.to is not None else None
    deployment = await client.rollback(options.project, target)
    if options.json:
        printer.data(shapes.MaybeDeployment(deployment=deployment))
        return 0
    status = await _follow(client, deployment, printer, wait=True)
    printer.talk(f"Pushes are noted, but not deployed until: nanoscale-box resume {options.project}")
    return status


async def _numbered(client: BoxClient, project: str, number: int) -> str:
    """The id of a project's deployment by its number, however long ago it was."""
    cursor: str | None = None
    while True:
        page = await client.deployments(project, limit=200, cursor=cursor)
        for one in page.items:
            if one.number == number:
                return one.id
        cursor = page.next_cursor
        if cursor is None or (page.items and page.items[-1].number < number):
            raise not_there(
                f"{project} has no deployment #{number}", f"see which there are: nanoscale-box deployments {project}"
            )


async def pause(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Note pushes, but do not deploy them."""
    project = await client.change_project(options.project, requests.ChangeProject(paused=True))
    if options.json:
        printer.data(project)
    else:
        printer.talk(f"{project.name} is paused; go on with: nanoscale-box resume {project.name}")
    return 0


async def resume(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Deploy pushes again."""
    deployment = await client.resume(options.project)
    if options.json:
        printer.data(shapes.MaybeDeployment(deployment=deployment))
        return 0
    printer.talk(f"Pushes to {options.project} are deployed again.")
    if deployment is not None:
        what = f"{short(deployment.sha)} {deployment.subject or ''}".strip()
        printer.talk(f"#{deployment.number} will deploy {what}, the newest commit of its branch.")
        return 0
    drift = (await client.project(options.project)).drift
    printer.talk(f"Nothing is deployed now: {drift.reason if drift else 'the newest commit is what runs'}.")
    return 0


async def _follow(client: BoxClient, deployment: shapes.Deployment | None, printer: Printer, *, wait: bool) -> int:
    if deployment is None:
        printer.talk("Nothing to deploy: the newest commit is what runs.")
        return 0
    printer.talk(f"#{deployment.number} is {deployment.state}")
    return await wait_for_end(client, deployment, printer) if wait else 0
