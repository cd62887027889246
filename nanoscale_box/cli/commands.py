"""Every command with its examples: the list from which parser, completion and the reference are made."""

from __future__ import annotations

from argparse import BooleanOptionalAction
from typing import Final

from nanoscale_box.cli.commands_upkeep import UPKEEP
from nanoscale_box.cli.parser import LIMIT, Command, arg, number_or_none, whole_number

_PROJECT: Final = arg("project", metavar="PROJECT", help="a project's name or id")
_SOURCE_OPTIONS: Final = (
    arg("--repo", metavar="OWNER/NAME", help="a repository of the connected account"),
    arg("--url", metavar="URL", help="a public repository, without any account"),
    arg("--branch", metavar="NAME", help="the branch to deploy (the repository's default, or main)"),
)
_COMMAND_OPTIONS: Final = (
    arg("--install-command", metavar="TEXT", help="instead of the detected one"),
    arg("--build-command", metavar="TEXT", help="instead of the detected one"),
    arg("--run-command", metavar="TEXT", help="instead of the detected one"),
    arg("--output-directory", metavar="DIR", help="the folder of a static site"),
    arg("--root-directory", metavar="DIR", help="where in the repository the app lies"),
)
_BUILD_OPTIONS: Final = (
    *_COMMAND_OPTIONS,
    arg("--watch-path", action="append", metavar="GLOB", help="deploy only pushes that change such files; repeatable"),
    arg("--tag-pattern", metavar="GLOB", help="deploy tags like this (v*), instead of the branch"),
    arg("--health-path", metavar="PATH", help="what must answer before the switch (/)"),
    arg("--health-status", metavar="STATUS", help="the status it must have: 200, or 200-399"),
    arg("--health-timeout-seconds", type=number_or_none, metavar="N", help="how long the right answer may take (60)"),
    arg("--health-grace-seconds", type=number_or_none, metavar="N", help="how long a wrong answer is forgiven (10)"),
    arg("--stop-seconds", type=number_or_none, metavar="N", help="from SIGTERM to SIGKILL (30)"),
    arg("--memory-mb", type=number_or_none, metavar="MIB", help="memory of the app"),
    arg("--cpu-percent", type=number_or_none, metavar="N", help="processor time of the app; 100 is one core"),
    arg("--tasks-max", type=number_or_none, metavar="N", help="processes and threads of the app"),
    arg("--build-timeout-seconds", type=number_or_none, metavar="N", help="for each command of a build (1800)"),
    arg("--build-memory-mb", type=number_or_none, metavar="MIB", help="memory of a build"),
    arg("--preflight-command", metavar="TEXT", help="run once before a new release starts"),
    arg("--release-command", metavar="TEXT", help="run once when a new release is healthy, before the switch"),
    arg(
        "--wait-for-ci",
        action=BooleanOptionalAction,
        help="deploy pushes only once the commit's checks are green; --no-wait-for-ci ends that",
    ),
)

COMMANDS: Final[tuple[Command, ...]] = (
    Command(
        words="serve",
        does="run the box: web doors, queue and apps, until ctrl-c or SIGTERM",
        examples=("serve",),
        handler="front:serve",
    ),
    Command(
        words="tui",
        does="open the terminal UI, as no command at all does",
        examples=("tui --read-only", "tui --theme ansi-dark"),
        handler="front:tui",
        arguments=(
            arg("--read-only", action="store_true", help="change nothing from there"),
            arg("--theme", metavar="NAME", help="the colours; ansi-dark and ansi-light are the terminal's own"),
        ),
    ),
    Command(
        words="demo",
        does="see the whole product on a simulated GitHub; `demo push` pushes to a demo that runs",
        examples=("demo", "demo --headless", "demo push", "demo push --broken"),
        handler="front:demo",
        arguments=(
            arg("action", nargs="?", choices=["push"], help="push a commit to the running demo"),
            arg("--headless", action="store_true", help="walk the journey without a terminal, and tell each step"),
            arg("--broken", action="store_true", help="push a commit whose build fails"),
        ),
    ),
    Command(
        words="status",
        does="what runs, how GitHub is connected, and what needs you",
        examples=("status", "status --json"),
        handler="status:status",
    ),
    Command(
        words="usage",
        does="what running apps take: processor time and memory, now and over the last minutes",
        examples=("usage", "usage --json"),
        handler="usage:usage",
    ),
    Command(
        words="down",
        does="stop all apps and the ingress; the next deployment of a project brings it up again",
        examples=("down",),
        handler="status:down",
    ),
    Command(
        words="github connect",
        does="register the box's own GitHub App (one click) and connect your account",
        examples=("github connect", "github connect --organization my-team"),
        handler="github:connect",
        arguments=(
            arg("--organization", metavar="NAME", help="register the App there instead of on your account"),
            arg("--feedback", action="store_true", help="also ask to show on GitHub how each commit's deployment goes"),
            arg("--checks", action="store_true", help="also ask to read checks, so that projects can wait for CI"),
            arg("--device", action="store_true", help="show a code to enter on GitHub, where the App allows it"),
            arg("--no-browser", action="store_true", help="only print the address"),
        ),
    ),
    Command(
        words="github status",
        does="the connected account, installations, permissions and rate budget",
        examples=("github status",),
        handler="github:status",
    ),
    Command(
        words="github repos",
        does="repositories you can deploy, private ones included",
        examples=("github repos", "github repos nsbox"),
        handler="github:repos",
        arguments=(
            arg("query", nargs="?", metavar="QUERY", help="part of a name; letters in order are enough"),
            LIMIT,
        ),
    ),
    Command(
        words="github branches",
        does="branches of a repository, the default one first",
        examples=("github branches me/site",),
        handler="github:branches",
        arguments=(arg("repository", metavar="OWNER/NAME"), LIMIT),
    ),
    Command(
        words="github sync",
        does="ask GitHub for installations and repositories again",
        examples=("github sync",),
        handler="github:sync",
    ),
    Command(
        words="github hooks",
        does="how each webhook stands, and with --repair mend those that are not in order",
        examples=("github hooks", "github hooks --repair"),
        handler="github:hooks",
        arguments=(arg("--repair", action="store_true", help="mend what is not in order"),),
    ),
    Command(
        words="secrets rotate-webhook",
        does="give every webhook a new secret; the old ones verify for an hour more",
        examples=("secrets rotate-webhook",),
        handler="github:rotate",
    ),
    Command(
        words="github disconnect",
        does="revoke the box's access and forget the account; run again, forget the registered App too",
        examples=("github disconnect --yes",),
        handler="github:disconnect",
        check="github:check_disconnect",
        arguments=(arg("--yes", action="store_true", help="do not ask"),),
    ),
    Command(
        words="projects list",
        does="all projects and what runs of them",
        examples=("projects list", "projects list --json"),
        handler="projects:list_projects",
    ),
    Command(
        words="projects show",
        does="one project",
        examples=("projects show hello",),
        handler="projects:show",
        arguments=(_PROJECT,),
    ),
    Command(
        words="projects plan",
        does="what would be built and how, without building it",
        examples=(
            "projects plan hello",
            "projects plan --repo me/site --branch main",
            "projects plan --url https://github.com/me/site --root-directory web",
        ),
        handler="projects:plan",
        check="projects:check_plan",
        arguments=(
            arg("project", nargs="?", metavar="PROJECT", help="a project there is, by its name or id"),
            *_SOURCE_OPTIONS,
            *_COMMAND_OPTIONS,
        ),
    ),
    Command(
        words="projects create",
        does="make a project from a repository of yours, or from a public URL, and deploy it",
        examples=(
            "projects create --repo me/site --branch main",
            "projects create --url https://github.com/me/site --branch main --name site",
            "projects create --repo me/api --env DATABASE_URL=postgres://...",
        ),
        handler="projects:create",
        check="projects:check_create",
        arguments=(
            *_SOURCE_OPTIONS,
            arg("--name", metavar="NAME", help="the project's name (the repository's)"),
            arg("--domain", action="append", default=[], metavar="HOST", help="another host it answers at"),
            arg("--env", action="append", default=[], metavar="KEY=VALUE", help="an environment variable"),
            *_BUILD_OPTIONS,
        ),
    ),
    Command(
        words="projects set",
        does="change a project's settings; they take effect with the next deployment",
        examples=('projects set hello --build-command "npm run build"', "projects set hello --branch release"),
        handler="projects:change",
        check="projects:check_change",
        arguments=(
            _PROJECT,
            arg("--name", metavar="NAME", help="a new name, and so a new address"),
            arg("--branch", metavar="NAME", help="the branch to deploy"),
            arg("--domain", action="append", metavar="HOST", help="the hosts it answers at besides its own"),
            *_BUILD_OPTIONS,
        ),
    ),
    Command(
        words="projects delete",
        does="stop a project and remove all it has on this machine, its data too",
        examples=("projects delete hello", "projects delete hello --confirm hello"),
        handler="projects:delete",
        arguments=(_PROJECT, arg("--confirm", metavar="NAME", help="the project's name, instead of being asked")),
    ),
    Command(
        words="deploy",
        does="deploy the branch's head now",
        examples=("deploy hello", "deploy hello --clear-cache", "deploy hello --no-wait"),
        handler="deployments:deploy",
        arguments=(
            _PROJECT,
            arg("--clear-cache", action="store_true", help="drop the build caches first"),
            arg("--no-wait", action="store_true", help="do not wait for its end"),
        ),
    ),
    Command(
        words="deployments",
        does="a project's deployments, newest first",
        examples=("deployments hello",),
        handler="deployments:list_deployments",
        arguments=(_PROJECT, LIMIT),
    ),
    Command(
        words="cancel",
        does="cancel a deployment that has not been switched to yet",
        examples=("cancel hello", "cancel dep_01..."),
        handler="deployments:cancel",
        arguments=(arg("deployment", metavar="DEPLOYMENT", help="its id, or a project's name for its newest"),),
    ),
    Command(
        words="rollback",
        does="start a kept release again and stop deploying pushes until `resume`",
        examples=("rollback hello", "rollback hello --to 12"),
        handler="deployments:rollback",
        check="deployments:check_rollback",
        arguments=(_PROJECT, arg("--to", metavar="N", help="the number of the deployment (the one before)")),
    ),
    Command(
        words="pause",
        does="note pushes, but do not deploy them",
        examples=("pause hello",),
        handler="deployments:pause",
        arguments=(_PROJECT,),
    ),
    Command(
        words="resume",
        does="deploy pushes again, and the newest commit if it is not what runs",
        examples=("resume hello",),
        handler="deployments:resume",
        arguments=(_PROJECT,),
    ),
    Command(
        words="logs",
        does="what an app prints, or what its newest build printed",
        examples=("logs hello", "logs hello -f", "logs hello --build"),
        handler="logs:logs",
        arguments=(
            _PROJECT,
            arg("-f", "--follow", action="store_true", help="go on with what comes"),
            arg("--build", action="store_true", help="the newest build's log"),
            arg("--tail", type=whole_number, default=200, metavar="N", help="how many lines from the end (200)"),
        ),
    ),
    Command(
        words="why",
        does="what became of the last pushes, and why",
        examples=("why hello", "why"),
        handler="why:why",
        arguments=(arg("project", nargs="?", metavar="PROJECT", help="one project; all without it"), LIMIT),
    ),
    Command(
        words="env list",
        does="the names of a project's variables; values never leave the box",
        examples=("env list hello",),
        handler="env:list_env",
        arguments=(_PROJECT,),
    ),
    Command(
        words="env set",
        does="set variables; they take effect with the next deployment",
        examples=("env set hello API_KEY=...", "env set hello --file .env"),
        handler="env:set_env",
        check="env:check_set",
        arguments=(
            _PROJECT,
            arg("pairs", nargs="*", metavar="KEY=VALUE"),
            arg("--file", metavar="FILE", help="a .env file; - is standard input"),
        ),
    ),
    Command(
        words="env unset",
        does="remove variables",
        examples=("env unset hello API_KEY",),
        handler="env:unset_env",
        arguments=(_PROJECT, arg("keys", nargs="+", metavar="KEY")),
    ),
    Command(
        words="doctor",
        does="look whether everything is as it should be",
        examples=("doctor", "doctor --fix", "doctor --json"),
        handler="status:doctor",
        arguments=(arg("--fix", action="store_true", help="mend first what can be mended without harm"),),
    ),
    *UPKEEP,
)
