"""The box's units and what is asked of systemd about them: names and argument lists, computed and nothing more."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import Final

from nanoscale_box.core.errors import Code, Invalid
from nanoscale_box.core.model import Limits, ProjectId

APP_TEMPLATES: Final = ("nanoscale-app", "nanoscale-app-2", "nanoscale-app-3")
"""Copies of one template, so that a release starts beside those that serve and drain. Units that name one dynamic user
share it (systemd.exec(5), DynamicUser=): all of a project's, its builds too, work as one user with the same data."""
BUILD_TEMPLATE: Final = "nanoscale-build"
INGRESS_UNIT: Final = "nanoscale-ingress.service"
NAMESPACE: Final = "nanoscale-box"
"""The journal of apps and builds, which is all of the journal that the box may read."""
_INSTANCE: Final = re.compile(r"[0-9a-z]{1,26}")
"""`nsa-` and an instance are the name of a user, which may have 31 characters; the polkit rule has the same pattern."""
_UNIT: Final = re.compile(
    rf"(?P<template>{'|'.join((*APP_TEMPLATES, BUILD_TEMPLATE))})@(?P<instance>{_INSTANCE.pattern})\.service"
)
_ASKED: Final = "ActiveState,MainPID,UID,ControlGroup,Result,ExecMainCode,ExecMainStatus"
_ENDS: Final = frozenset({"exit-code", "signal", "core-dump"})
_PREPARATIONS: Final = range(200, 246)
_KILLED: Final = frozenset({"2", "3"})
"""CLD_KILLED and CLD_DUMPED, as `ExecMainCode` tells them: sigaction(2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitState:
    """A service as systemd sees it."""

    active: str
    """`active`, `activating`, `deactivating`, `inactive` or `failed`."""
    main_pid: int
    """0: none."""
    uid: int | None
    """The number of its user while it runs."""
    group: str
    """Its control group's place in the hierarchy while it runs, else empty."""
    result: str
    status: int
    """How its main process ended, negative for a signal."""

    @property
    def is_over(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.active in {"inactive", "failed"}

    @property
    def has_ended_by_itself(self) -> bool:
        """Whether its program ran and ended; what systemd prepares before ends with 200 to 245 (systemd.exec(5))."""
        return self.is_over and self.result in _ENDS and self.status not in _PREPARATIONS


def instance_of(project_id: ProjectId) -> str:
    """The name of a project's units: its id without what all ids of projects begin with."""
    name = project_id.rpartition("_")[2]
    if not _INSTANCE.fullmatch(name):
        raise Invalid(
            Code.INVALID, f"{project_id[:100]!r} is no id of a project", hint="use an id as the box lists them"
        )
    return name


def unit_of(template: str, project_id: ProjectId) -> str:
    """The unit of a project."""
    return f"{template}@{instance_of(project_id)}.service"


def folder_name(unit: str) -> str:
    """What the templates call `%p@%i`: the name of a unit's link and of the folder of its order."""
    found = _UNIT.fullmatch(unit)
    if found is None:
        raise Invalid(Code.INVALID, f"{unit[:100]!r} is no unit of the box")
    return f"{found['template']}@{found['instance']}"


def start_ingress() -> list[str]:
    """Start the ingress anew."""
    return _systemctl("restart", INGRESS_UNIT)


def stop_ingress() -> list[str]:
    """End the ingress; requests under way have the time that its unit gives them."""
    return _systemctl("stop", INGRESS_UNIT)


def start(unit: str) -> list[str]:
    """Start, and come back when its program has begun."""
    return _systemctl("start", unit)


def send(unit: str, number: signal.Signals) -> list[str]:
    """Signal all of it."""
    return _systemctl("kill", f"--signal={number.name}", unit)


def forget_failure(unit: str) -> list[str]:
    """Let go of what is kept of a unit that failed."""
    return _systemctl("reset-failed", unit)


def clean(unit: str, what: str) -> list[str]:
    """Remove a unit's `state` or `cache` folder."""
    return _systemctl("clean", f"--what={what}", unit)


def limit(unit: str, limits: Limits, *, memory_mb: int | None) -> list[str]:
    """Set a unit's limits, those that are None to what the template has; they hold until the next boot."""
    quota = f"{limits.cpu_percent}%" if limits.cpu_percent else ""
    memory = f"{memory_mb}M" if memory_mb else "infinity"
    tasks = str(limits.tasks_max) if limits.tasks_max else str(TASKS_MAX)
    return _systemctl(
        "set-property", "--runtime", unit, f"MemoryMax={memory}", f"CPUQuota={quota}", f"TasksMax={tasks}"
    )


TASKS_MAX: Final = 4096
"""Processes and threads of a unit whose project says nothing; the templates have the same number."""


def show(*units: str) -> list[str]:
    """Ask for the state of units, in this order."""
    return _systemctl("show", f"--property={_ASKED}", *units)


def listed() -> list[str]:
    """Ask for the units of apps and builds that run."""
    patterns = [f"{template}@*.service" for template in (*APP_TEMPLATES, BUILD_TEMPLATE)]
    return _systemctl(
        "list-units", "--plain", "--no-legend", "--full", "--state=active,activating,deactivating", *patterns
    )


def known(unit: str) -> list[str]:
    """Ask whether a unit's template is installed."""
    return _systemctl("show", "--property=LoadState", "--value", unit)


def follow(cursor: str | None) -> list[str]:
    """Read the journal of apps as it grows, from behind a cursor or from its beginning."""
    since = ["--no-tail"] if cursor is None else [f"--after-cursor={cursor}", "--no-tail"]
    fields = "--output-fields=MESSAGE,_SYSTEMD_UNIT"
    return [
        "journalctl",
        f"--namespace={NAMESPACE}",
        "--quiet",
        "--no-pager",
        "--follow",
        "--output=json",
        fields,
        *since,
    ]


def newest() -> list[str]:
    """Read the newest entry of that journal."""
    options = ["--quiet", "--no-pager", "--lines=1", "--output=json", "--output-fields=_SYSTEMD_UNIT"]
    return ["journalctl", f"--namespace={NAMESPACE}", *options]


def states(text: str) -> list[UnitState]:
    """What `show` printed."""
    return [
        _state(dict(line.split("=", 1) for line in block.splitlines() if "=" in line))
        for block in text.strip().split("\n\n")
    ]


def units_in(text: str) -> list[str]:
    """What `listed` printed; whatever is no unit of the box is left out."""
    names = (line.split()[0] for line in text.splitlines() if line.strip())
    return [name for name in names if _UNIT.fullmatch(name)]


def _state(fields: dict[str, str]) -> UnitState:
    number = int(fields.get("ExecMainStatus", "0"))
    return UnitState(
        active=fields.get("ActiveState", "inactive"),
        main_pid=int(fields.get("MainPID", "0")),
        uid=int(fields["UID"]) if fields.get("UID", "").isdigit() else None,
        group=fields.get("ControlGroup", ""),
        result=fields.get("Result", ""),
        status=-number if fields.get("ExecMainCode") in _KILLED else number,
    )


def _systemctl(verb: str, *words: str) -> list[str]:
    return ["systemctl", "--system", "--no-ask-password", "--no-pager", verb, *words]


def is_app(unit: str) -> bool:
    """Whether a unit is an app's."""
    found = _UNIT.fullmatch(unit)
    return found is not None and found["template"] in APP_TEMPLATES
