"""The box as its faces see it: one typed method for each route."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from nanoscale_box.client.calls import Calls, address
from nanoscale_box.client.following import Disconnected, Reconnected, follow_events, follow_log
from nanoscale_box.client.looking import look
from nanoscale_box.wire import requests, routes, shapes
from nanoscale_box.wire.usage import Usage


class BoxClient:
    """A connection to a box: `async with BoxClient.dial() as box`. Calls raise `ApiError` and `Unreachable`.

    Projects are named by id or name. Lists give pages; `cursor` asks for the one after `next_cursor`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @classmethod
    def dial(cls, socket: Path | None = None) -> BoxClient:
        """A client of the box at `socket`, else at the user's own or the service's; entering it connects."""
        return cls(Calls(socket))

    async def __aenter__(self) -> Self:
        await self._calls.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._calls.close()

    @property
    def socket(self) -> Path | None:
        """Where the box was found; None before it was looked for."""
        return self._calls.socket

    # the box itself

    async def session(self) -> shapes.Session:
        """Who we are to the box, and its version."""
        return await self._calls.get(routes.SESSION, shapes.Session)

    async def doctor(self, *, fix: bool = False, quick: bool = False) -> shapes.Doctor:
        """What the doctor finds; with `fix`, after it mended what it can without harm; `quick` leaves out what takes
        long or asks others."""
        if fix:
            return await self._calls.send("POST", routes.DOCTOR_FIX, shapes.Doctor)
        return await self._calls.get(routes.DOCTOR, shapes.Doctor, {"quick": "true"} if quick else None)

    async def usage(self, *, samples: int | None = None) -> list[Usage]:
        """What running apps take of the machine, the last minutes of it."""
        return (await self._calls.get(routes.USAGE, shapes.Page[Usage], {"samples": samples})).items

    async def down(self) -> None:
        """Stop all apps and the ingress."""
        await self._calls.order("POST", routes.DOWN)

    async def tokens(self) -> list[shapes.Token]:
        """All bearer tokens, without their texts."""
        return (await self._calls.get(routes.TOKENS, shapes.Page[shapes.Token])).items

    async def create_token(self, asked: requests.CreateToken) -> shapes.NewToken:
        """Make a bearer token; its text is given this once."""
        return await self._calls.send("POST", routes.TOKENS, shapes.NewToken, asked)

    async def revoke_token(self, token_id: str) -> None:
        """Let a bearer token open nothing any more."""
        await self._calls.order("DELETE", address(routes.TOKEN_BY_ID, token_id=token_id))

    async def keys(self) -> list[shapes.Key]:
        """Encryption keys by id, and how many secrets each seals."""
        return (await self._calls.get(routes.KEYS, shapes.Page[shapes.Key])).items

    async def rotate_keys(self) -> list[shapes.Key]:
        """Make a new encryption key; secrets are sealed anew after the answer."""
        return (await self._calls.send("POST", routes.KEYS_ROTATE, shapes.Page[shapes.Key])).items

    async def backup(self, target: BinaryIO, passphrase: str | None = None) -> None:
        """Write a backup to `target`; the encryption keys are in it only with a passphrase."""
        await self._calls.fetch("POST", routes.BACKUP, requests.MakeBackup(passphrase=passphrase), target)

    async def audit(
        self,
        *,
        who: str | None = None,
        action: str | None = None,
        target: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> shapes.Page[shapes.AuditEntry]:
        """Who did what, newest first; `action` is how an action begins."""
        asked = {"who": who, "action": action, "target": target, "limit": limit, "cursor": cursor}
        return await self._calls.get(routes.AUDIT, shapes.Page[shapes.AuditEntry], asked)

    async def check_audit(self) -> shapes.AuditCheck:
        """Whether the audit is whole."""
        return await self._calls.get(routes.AUDIT_CHECK, shapes.AuditCheck)

    # projects

    async def projects(self) -> list[shapes.Project]:
        """All projects, by name."""
        return (await self._calls.get(routes.PROJECTS, shapes.Page[shapes.Project])).items

    async def project(self, project_id: str) -> shapes.Project:
        """One project."""
        return await self._calls.get(address(routes.PROJECT, project_id=project_id), shapes.Project)

    async def create_project(self, asked: requests.CreateProject) -> shapes.Created:
        """Create a project and deploy it at once."""
        return await self._calls.send("POST", routes.PROJECTS, shapes.Created, asked)

    async def change_project(self, project_id: str, changes: requests.ChangeProject) -> shapes.Project:
        """Change some fields."""
        path = address(routes.PROJECT, project_id=project_id)
        return await self._calls.send("PATCH", path, shapes.Project, changes)

    async def delete_project(self, project_id: str) -> None:
        """Remove a project and what it has."""
        await self._calls.order("DELETE", address(routes.PROJECT, project_id=project_id))

    async def plan(self, project_id: str) -> shapes.PlanPreview:
        """What would be built and how."""
        path = address(routes.PROJECT_PLAN, project_id=project_id)
        return await self._calls.find_out("GET", path, shapes.PlanPreview)

    async def plan_anew(
        self, asked: requests.CreateProject, hear: Callable[[str], None] | None = None
    ) -> shapes.PlanPreview:
        """What would be built and how, of a project that is not made yet; `hear` is told what git says meanwhile."""
        if hear is not None:
            return await look(self._calls, asked, hear)
        return await self._calls.find_out("POST", routes.PLAN, shapes.PlanPreview, asked)

    async def data(self, project_id: str) -> shapes.ProjectData:
        """Where the app keeps what outlives its releases."""
        return await self._calls.get(address(routes.PROJECT_DATA, project_id=project_id), shapes.ProjectData)

    async def env(self, project_id: str) -> list[shapes.EnvEntry]:
        """The names of a project's variables."""
        path = address(routes.ENV, project_id=project_id)
        return (await self._calls.get(path, shapes.Page[shapes.EnvEntry])).items

    async def replace_env(self, project_id: str, variables: Sequence[requests.KeepOrSet]) -> list[shapes.EnvEntry]:
        """Make the environment exactly this; a value of None keeps the one there is."""
        path = address(routes.ENV, project_id=project_id)
        body = requests.ReplaceEnv(env_vars=list(variables))
        return (await self._calls.send("PUT", path, shapes.Page[shapes.EnvEntry], body)).items

    # deployments

    async def redeploy(self, project_id: str, *, clear_cache: bool = False) -> shapes.Deployment | None:
        """Deploy the branch's head now."""
        path = address(routes.REDEPLOY, project_id=project_id)
        body = requests.Redeploy(clear_cache=clear_cache)
        return (await self._calls.send("POST", path, shapes.MaybeDeployment, body)).deployment

    async def rollback(self, project_id: str, deployment_id: str | None = None) -> shapes.Deployment | None:
        """Start a kept release again, pin it and pause pushes."""
        path = address(routes.ROLLBACK, project_id=project_id)
        body = requests.Rollback(deployment_id=deployment_id)
        return (await self._calls.send("POST", path, shapes.MaybeDeployment, body)).deployment

    async def resume(self, project_id: str) -> shapes.Deployment | None:
        """Deploy pushes again."""
        path = address(routes.RESUME, project_id=project_id)
        return (await self._calls.send("POST", path, shapes.MaybeDeployment)).deployment

    async def deployment(self, deployment_id: str) -> shapes.Deployment:
        """One deployment."""
        return await self._calls.get(address(routes.DEPLOYMENT, deployment_id=deployment_id), shapes.Deployment)

    async def cancel(self, deployment_id: str) -> shapes.Deployment:
        """Stop a deployment before its switch."""
        return await self._calls.send("POST", address(routes.CANCEL, deployment_id=deployment_id), shapes.Deployment)

    async def deployments(
        self, project_id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> shapes.Page[shapes.Deployment]:
        """A project's deployments, newest first."""
        path = address(routes.PROJECT_DEPLOYMENTS, project_id=project_id)
        return await self._calls.get(path, shapes.Page[shapes.Deployment], {"limit": limit, "cursor": cursor})

    async def verdicts(
        self, project_id: str | None = None, *, limit: int | None = None, cursor: str | None = None
    ) -> shapes.Page[shapes.Verdict]:
        """What became of each push, newest first; of all projects without `project_id`."""
        path = address(routes.PROJECT_VERDICTS, project_id=project_id) if project_id else routes.VERDICTS
        return await self._calls.get(path, shapes.Page[shapes.Verdict], {"limit": limit, "cursor": cursor})

    # GitHub

    async def github_status(self) -> shapes.GithubStatus:
        """How the box stands with GitHub."""
        return await self._calls.get(routes.GITHUB_STATUS, shapes.GithubStatus)

    async def register_app(
        self, organization: str | None = None, *, feedback: bool = False, checks: bool = False
    ) -> shapes.Redirect:
        """Begin registering the box's own App; `feedback` and `checks` ask for more rights."""
        body = requests.RegisterApp(organization=organization, feedback=feedback, checks=checks)
        return await self._calls.send("POST", routes.APP, shapes.Redirect, body)

    async def start_connect(self) -> shapes.Redirect:
        """Begin connecting an account."""
        return await self._calls.send("POST", routes.START, shapes.Redirect, requests.StartConnect())

    async def start_device(self) -> shapes.Redirect:
        """Begin connecting an account with a code that is entered on GitHub."""
        return await self._calls.send("POST", routes.START, shapes.Redirect, requests.StartConnect(device=True))

    async def stop_device(self) -> None:
        """Whoever enters the code from now on connects nothing."""
        await self._calls.order("DELETE", routes.START)

    async def hooks(self, *, repair: bool = False) -> list[shapes.Hook]:
        """How each webhook stands; with `repair`, what is not in order is mended."""
        if repair:
            return (await self._calls.send("POST", routes.HOOKS_REPAIR, shapes.Page[shapes.Hook])).items
        return (await self._calls.get(routes.HOOKS, shapes.Page[shapes.Hook])).items

    async def rotate_secrets(self) -> shapes.SecretsRotated:
        """Give every webhook a new secret."""
        return await self._calls.send("POST", routes.HOOKS_ROTATE, shapes.SecretsRotated)

    async def disconnect(self) -> None:
        """Forget the account; running apps stay up. Where none is connected, a registered App is forgotten."""
        await self._calls.order("POST", routes.DISCONNECT)

    async def installations(self) -> list[shapes.Installation]:
        """Where the App is installed."""
        return (await self._calls.get(routes.INSTALLATIONS, shapes.Page[shapes.Installation])).items

    async def repos(
        self,
        *,
        installation_id: int | None = None,
        query: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> shapes.Page[shapes.Repository]:
        """Repositories in scope, from the box's cache."""
        asked = {"installation_id": installation_id, "query": query, "limit": limit, "cursor": cursor}
        return await self._calls.get(routes.REPOS, shapes.Page[shapes.Repository], asked)

    async def sync_repos(self, installation_id: int | None = None) -> None:
        """Refresh the cache; the work goes on after the answer."""
        await self._calls.order("POST", routes.REPOS_SYNC, requests.SyncRepos(installation_id=installation_id))

    async def branches(
        self, repo_id: int, *, query: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> shapes.Page[shapes.Branch]:
        """Branches of a repository, the default first."""
        path = address(routes.BRANCHES, repo_id=repo_id)
        asked = {"query": query, "limit": limit, "cursor": cursor}
        return await self._calls.get(path, shapes.Page[shapes.Branch], asked)

    # streams

    def events(
        self, after: int | None = None, *, follow: bool = True
    ) -> AsyncIterator[shapes.Event | Disconnected | Reconnected]:
        """Everything that changes, after the event `after`, else from now on; a broken connection is taken up again.

        With `follow=False` it gives what is there and ends; from the beginning when `after` is None."""
        return follow_events(self._calls, routes.EVENTS, after=after, again=follow)

    def log(
        self, project_id: str, *, kind: str = "run", follow: bool = True, tail: int | None = None
    ) -> AsyncIterator[shapes.LogLine | Disconnected | Reconnected]:
        """What a project's app prints (`run`), or its latest build (`build`); ends when the log is complete."""
        path = address(routes.PROJECT_LOG, project_id=project_id)
        return follow_log(self._calls, path, kind=kind, again=follow, tail=tail)

    def deployment_log(
        self, deployment_id: str, *, kind: str = "build", follow: bool = True, tail: int | None = None
    ) -> AsyncIterator[shapes.LogLine | Disconnected | Reconnected]:
        """What one deployment's build or app printed; ends when the log is complete."""
        path = address(routes.DEPLOYMENT_LOG, deployment_id=deployment_id)
        return follow_log(self._calls, path, kind=kind, again=follow, tail=tail)
