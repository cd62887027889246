"""Every operation of the API in one table: what it takes and gives, and which right a bearer token needs for it."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from nanoscale_box.wire import requests, routes, shapes
from nanoscale_box.wire.operation import Operation, Parameter
from nanoscale_box.wire.said import Said
from nanoscale_box.wire.usage import Usage

_LIMIT: Final = Parameter(name="limit", does="at most so many", kind="number", lowest=1, highest=200)
_CURSOR: Final = Parameter(name="cursor", does="the part after this `next_cursor`")
_PAGE: Final = (_LIMIT, _CURSOR)
_QUERY: Final = Parameter(name="query", does="part of a name; letters in order are enough")
_INSTALLATION: Final = Parameter(name="installation_id", does="of this installation only", kind="number", lowest=1)
_FOLLOW: Final = Parameter(name="follow", does="go on with what comes; `false` ends with what there is", kind="flag")
_LAST_ID: Final = Parameter(
    name="Last-Event-ID", does="the last id a reader saw before it was cut off", kind="number", header=True
)
_LOG: Final = (
    Parameter(name="kind", does="what the app prints, or what the build printed", choices=("run", "build")),
    _FOLLOW,
    Parameter(name="tail", does="only so many lines from the end", kind="number", highest=100_000),
    _LAST_ID,
)
_STREAM: Final = str
_LINES: Final = (shapes.LogLine, shapes.LogEnd)
_ASKS_GITHUB: Final = (409, 429, 502)

_look = partial(Operation, method="GET", scope="read")
_steer = partial(Operation, method="POST", scope="deploy")
_rule = partial(Operation, scope="admin")

OPERATIONS: Final[tuple[Operation, ...]] = (
    _look(id="list_projects", route=routes.PROJECTS, does="all projects, by name", gives=shapes.Page[shapes.Project]),
    _rule(
        id="create_project",
        method="POST",
        route=routes.PROJECTS,
        does="make a project and deploy it at once",
        takes=requests.CreateProject,
        gives=shapes.Created,
        status=201,
        refusals=(404, 422, *_ASKS_GITHUB),
    ),
    _look(id="get_project", route=routes.PROJECT, does="one project, by its id or name", gives=shapes.Project),
    _rule(
        id="change_project",
        method="PATCH",
        route=routes.PROJECT,
        does="change some settings; they take effect with the next deployment",
        takes=requests.ChangeProject,
        gives=shapes.Project,
        refusals=(422, *_ASKS_GITHUB),
    ),
    _rule(
        id="delete_project",
        method="DELETE",
        route=routes.PROJECT,
        does="stop the app and remove all the project has, its data too",
        status=204,
        refusals=(409,),
    ),
    _steer(
        id="redeploy",
        route=routes.REDEPLOY,
        does="deploy the branch's head now",
        takes=requests.Redeploy,
        gives=shapes.MaybeDeployment,
        status=202,
        refusals=(422, *_ASKS_GITHUB),
    ),
    _steer(
        id="rollback",
        route=routes.ROLLBACK,
        does="start a kept release again, and deploy no pushes until `resume`",
        takes=requests.Rollback,
        gives=shapes.MaybeDeployment,
        status=202,
        refusals=(409, 422),
    ),
    _steer(
        id="resume",
        route=routes.RESUME,
        does="deploy pushes again, and the newest commit if it is not what runs",
        gives=shapes.MaybeDeployment,
        status=202,
        refusals=(422, *_ASKS_GITHUB),
    ),
    _look(
        id="preview_plan",
        route=routes.PROJECT_PLAN,
        does="what would be built and how",
        gives=shapes.PlanPreview,
        refusals=(422, *_ASKS_GITHUB),
    ),
    _look(
        id="get_data",
        route=routes.PROJECT_DATA,
        does="where the app keeps what outlives its releases, and how much that is",
        gives=shapes.ProjectData,
    ),
    _rule(
        id="preview_new_plan",
        method="POST",
        route=routes.PLAN,
        does="what would be built and how, of a project that is not made yet",
        takes=requests.CreateProject,
        gives=shapes.PlanPreview,
        tells=(Said, shapes.PlanPreview, shapes.Problem),
        refusals=(404, 422, *_ASKS_GITHUB),
    ),
    _look(
        id="list_env",
        route=routes.ENV,
        does="the names of a project's variables; values are never given out",
        gives=shapes.Page[shapes.EnvEntry],
    ),
    _rule(
        id="replace_env",
        method="PUT",
        route=routes.ENV,
        does="keep, set and remove variables",
        takes=requests.ReplaceEnv,
        gives=shapes.Page[shapes.EnvEntry],
        refusals=(409,),
    ),
    _look(
        id="list_deployments",
        route=routes.PROJECT_DEPLOYMENTS,
        does="a project's deployments, newest first",
        query=_PAGE,
        gives=shapes.Page[shapes.Deployment],
    ),
    _look(
        id="list_project_verdicts",
        route=routes.PROJECT_VERDICTS,
        does="what became of each push for a project, newest first",
        query=_PAGE,
        gives=shapes.Page[shapes.Verdict],
    ),
    _look(
        id="follow_project_log",
        route=routes.PROJECT_LOG,
        does="what runs of a project prints, or what its latest build printed",
        query=_LOG,
        gives=_STREAM,
        tells=_LINES,
    ),
    _look(id="get_deployment", route=routes.DEPLOYMENT, does="one deployment", gives=shapes.Deployment),
    _steer(
        id="cancel_deployment",
        route=routes.CANCEL,
        does="stop a deployment that has not reached the switch",
        gives=shapes.Deployment,
        refusals=(409,),
    ),
    _look(
        id="follow_deployment_log",
        route=routes.DEPLOYMENT_LOG,
        does="what one deployment's build or app printed",
        query=_LOG,
        gives=_STREAM,
        tells=_LINES,
    ),
    _look(
        id="list_verdicts",
        route=routes.VERDICTS,
        does="what became of every push, newest first; those that touched no project too",
        query=_PAGE,
        gives=shapes.Page[shapes.Verdict],
    ),
    _look(
        id="github_status", route=routes.GITHUB_STATUS, does="how the box stands with GitHub", gives=shapes.GithubStatus
    ),
    _rule(
        id="register_app",
        method="POST",
        route=routes.APP,
        does="begin registering the box's own App",
        takes=requests.RegisterApp,
        gives=shapes.Redirect,
        refusals=(409,),
    ),
    _rule(
        id="start_connecting",
        method="POST",
        route=routes.START,
        does="begin connecting an account",
        takes=requests.StartConnect,
        gives=shapes.Redirect,
        refusals=_ASKS_GITHUB,
    ),
    _rule(
        id="stop_connecting",
        method="DELETE",
        route=routes.START,
        does="wait no longer for a code to be entered on GitHub; nothing happens where none waits",
        status=204,
    ),
    _rule(
        id="disconnect",
        method="POST",
        route=routes.DISCONNECT,
        does="take one step back: forget the account; without one, a registered App",
        status=204,
        refusals=_ASKS_GITHUB,
    ),
    _look(
        id="list_installations",
        route=routes.INSTALLATIONS,
        does="where the App is installed, with what it may not do yet",
        gives=shapes.Page[shapes.Installation],
    ),
    _look(
        id="list_repositories",
        route=routes.REPOS,
        does="repositories in scope, private ones included, from the box's cache",
        query=(_INSTALLATION, _QUERY, *_PAGE),
        gives=shapes.Page[shapes.Repository],
        refusals=(404, 409),
    ),
    _steer(
        id="sync_repositories",
        route=routes.REPOS_SYNC,
        does="ask GitHub for installations and repositories again; an event tells the end",
        takes=requests.SyncRepos,
        status=202,
        refusals=(404, *_ASKS_GITHUB),
    ),
    _look(
        id="list_branches",
        route=routes.BRANCHES,
        does="branches of a repository, the default one first",
        query=(_QUERY, *_PAGE),
        gives=shapes.Page[shapes.Branch],
        refusals=_ASKS_GITHUB,
    ),
    _look(
        id="list_hooks",
        route=routes.HOOKS,
        does="how each webhook stands",
        gives=shapes.Page[shapes.Hook],
        refusals=_ASKS_GITHUB,
    ),
    _rule(
        id="repair_hooks",
        method="POST",
        route=routes.HOOKS_REPAIR,
        does="mend webhooks that are not in order",
        gives=shapes.Page[shapes.Hook],
        refusals=_ASKS_GITHUB,
    ),
    _rule(
        id="rotate_webhook_secrets",
        method="POST",
        route=routes.HOOKS_ROTATE,
        does="give every webhook a new secret; the old ones verify for a while",
        gives=shapes.SecretsRotated,
        status=202,
        refusals=_ASKS_GITHUB,
    ),
    _look(
        id="follow_events",
        route=routes.EVENTS,
        does="everything that changes, by id",
        query=(Parameter(name="after", does="begin after this id", kind="number"), _FOLLOW, _LAST_ID),
        gives=_STREAM,
        tells=(shapes.Event,),
    ),
    _look(id="get_session", route=routes.SESSION, does="who the caller is to the box", gives=shapes.Session),
    _look(
        id="run_doctor",
        route=routes.DOCTOR,
        does="look whether everything is as it should be",
        query=(Parameter(name="quick", does="leave out what takes long or asks others", kind="flag"),),
        gives=shapes.Doctor,
    ),
    _rule(
        id="mend",
        method="POST",
        route=routes.DOCTOR_FIX,
        does="mend what the doctor can mend without harm, and look again",
        gives=shapes.Doctor,
    ),
    _rule(id="stop_everything", method="POST", route=routes.DOWN, does="stop all apps and the ingress", status=204),
    _look(
        id="list_usage",
        route=routes.USAGE,
        does="what running apps take of the machine, the last minutes of it; sites and what does not run are left out",
        query=(Parameter(name="samples", does="the last ones only", kind="number", lowest=1, highest=60),),
        gives=shapes.Page[Usage],
    ),
    _look(
        id="get_metrics",
        route=routes.METRICS,
        does="the box's figures, as Prometheus reads them",
        gives=bytes,
        media="text/plain",
    ),
    _look(id="get_openapi", route=routes.OPENAPI, does="this document", gives=dict[str, Any]),
    _rule(
        id="list_tokens",
        method="GET",
        route=routes.TOKENS,
        does="all bearer tokens, without their text",
        gives=shapes.Page[shapes.Token],
    ),
    _rule(
        id="create_token",
        method="POST",
        route=routes.TOKENS,
        does="make a bearer token; its text is shown this once",
        takes=requests.CreateToken,
        gives=shapes.NewToken,
        status=201,
        refusals=(409,),
    ),
    _rule(
        id="revoke_token",
        method="DELETE",
        route=routes.TOKEN_BY_ID,
        does="let a bearer token open nothing from now on",
        status=204,
    ),
    _look(
        id="list_keys",
        route=routes.KEYS,
        does="encryption keys by id, and how many secrets each seals",
        gives=shapes.Page[shapes.Key],
    ),
    _rule(
        id="rotate_keys",
        method="POST",
        route=routes.KEYS_ROTATE,
        does="make a new encryption key; all secrets are sealed anew after the answer",
        gives=shapes.Page[shapes.Key],
        status=202,
        refusals=(409,),
    ),
    _rule(
        id="make_backup",
        method="POST",
        route=routes.BACKUP,
        does="a backup of the running box, as a compressed tar",
        takes=requests.MakeBackup,
        gives=bytes,
        media="application/gzip",
    ),
    _rule(
        id="list_audit",
        method="GET",
        route=routes.AUDIT,
        does="who did what to what and how it ended, newest first",
        query=(
            Parameter(name="who", does="of this caller only, like `uid:1000`"),
            Parameter(name="action", does="actions that begin with this, like `project`"),
            Parameter(name="target", does="on this thing only, by its id"),
            *_PAGE,
        ),
        gives=shapes.Page[shapes.AuditEntry],
    ),
    _rule(
        id="verify_audit",
        method="GET",
        route=routes.AUDIT_CHECK,
        does="whether a line of the audit was altered or removed",
        gives=shapes.AuditCheck,
    ),
)
"""All of the local door, and of the API over TCP."""

BY_ADDRESS: Final = {(one.method, one.route): one for one in OPERATIONS}
"""The same, by method and route."""
