"""What systemd is asked, as text, and how its answers are read."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from nanoscale_box.adapters import systemd_units as units
from nanoscale_box.adapters.clock import SystemClock, TimeIds
from nanoscale_box.adapters.unit_logs import is_behind
from nanoscale_box.core.errors import Invalid
from nanoscale_box.core.model import Limits, ProjectId

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"
PROJECT = ProjectId("prj_01m88wsj7emf80py61w7z4906g")
UNIT = "nanoscale-app@01m88wsj7emf80py61w7z4906g.service"


def test_a_project_is_an_instance_whose_user_has_a_valid_name() -> None:
    project = ProjectId(TimeIds(SystemClock()).new("prj"))
    name = f"nsa-{units.instance_of(project)}"
    assert len(name) <= 31
    assert re.fullmatch(r"[a-z_][a-z0-9_-]*", name)
    assert units.unit_of("nanoscale-app", PROJECT) == UNIT
    assert units.folder_name(UNIT) == "nanoscale-app@01m88wsj7emf80py61w7z4906g"


@pytest.mark.parametrize(
    "wrong", ["", "prj_", "prj_A", "prj_../x", "prj_x\ny", "prj_a@b", "prj_a.service", f"prj_{'a' * 27}"]
)
def test_what_is_no_project_is_no_instance(wrong: str) -> None:
    with pytest.raises(Invalid):
        units.instance_of(ProjectId(wrong))


@pytest.mark.parametrize(
    "wrong", ["ssh.service", "nanoscale-app@a.service.d", "nanoscale-app@../x.service", "-M@a.service"]
)
def test_what_is_no_unit_of_ours_has_no_folder(wrong: str) -> None:
    with pytest.raises(Invalid):
        units.folder_name(wrong)
    assert units.units_in(f"{UNIT} loaded\n{wrong} loaded") == [UNIT]


def test_the_commands_are_data() -> None:
    limits = Limits(cpu_percent=150, tasks_max=64)
    told = [
        units.start(UNIT), units.send(UNIT, signal.SIGTERM), units.limit(UNIT, limits, memory_mb=256),
        units.limit(UNIT, Limits(), memory_mb=None), units.clean(UNIT, "state"), units.start_ingress(),
    ]  # fmt: skip
    before = "systemctl --system --no-ask-password --no-pager"
    assert [" ".join(argv).removeprefix(f"{before} ") for argv in told] == [
        f"start {UNIT}",
        f"kill --signal=SIGTERM {UNIT}",
        f"set-property --runtime {UNIT} MemoryMax=256M CPUQuota=150% TasksMax=64",
        f"set-property --runtime {UNIT} MemoryMax=infinity CPUQuota= TasksMax=4096",
        f"clean --what=state {UNIT}",
        "restart nanoscale-ingress.service",
    ]


def test_every_verb_is_in_the_polkit_rule_and_no_other() -> None:
    rule = (SYSTEMD / "nanoscale-box.rules").read_text()
    own, ingress = (
        set(re.findall(r'"([a-z-]+)"', found)) for found in re.findall(r"\[([^\]]*\"[^\]]*)\]\.indexOf", rule)
    )
    source = Path(units.__file__).read_text()
    asked = set(re.findall(r'_systemctl\(\s*"([a-z-]+)"', source)) - {"show", "list-units"}
    assert own == (asked - {"restart", "stop"}) | {"ref"}  # systemctl clean holds its unit by a reference
    assert ingress == {"restart", "stop"}
    pattern = re.search(r"/\^(.*)\$/", rule)
    assert pattern is not None
    assert re.fullmatch(pattern[1].replace("\\.", "."), UNIT)
    for template in (*units.APP_TEMPLATES, units.BUILD_TEMPLATE):
        assert re.fullmatch(pattern[1].replace("\\.", "."), units.unit_of(template, PROJECT))


def test_states_are_read() -> None:
    text = (
        "ActiveState=active\nMainPID=12\nUID=63707\nResult=success\nExecMainCode=0\nExecMainStatus=0\n\n"
        "ActiveState=failed\nMainPID=0\nUID=[not set]\nResult=signal\nExecMainCode=2\nExecMainStatus=9\n\n"
        "ActiveState=inactive\nMainPID=0\nUID=[not set]\nResult=success\nExecMainCode=1\nExecMainStatus=3\n"
    )
    running, killed, ended = units.states(text)
    assert (running.is_over, running.main_pid, running.uid) == (False, 12, 63707)
    assert (killed.is_over, killed.status, killed.uid) == (True, -9, None)
    assert (ended.is_over, ended.status) == (True, 3)


def test_the_templates_number_of_tasks_is_the_codes() -> None:
    for name in ("nanoscale-app@.service", "nanoscale-build@.service"):
        assert f"TasksMax={units.TASKS_MAX}\n" in (SYSTEMD / name).read_text()


def test_places_in_a_journal_are_compared_within_it() -> None:
    assert is_behind("s=a;i=9;b=x", "s=a;i=a;b=y")
    assert is_behind("s=a;i=a", "s=a;i=a")
    assert not is_behind("s=a;i=b", "s=a;i=a")
    assert not is_behind("s=b;i=1", "s=a;i=a")
    assert not is_behind("s=a;i=1", None)


@pytest.mark.parametrize(
    ("told", "by_itself"),
    [
        ("ActiveState=failed\nResult=exit-code\nExecMainCode=1\nExecMainStatus=3\n", True),
        ("ActiveState=failed\nResult=signal\nExecMainCode=2\nExecMainStatus=9\n", True),
        ("ActiveState=failed\nResult=exit-code\nExecMainCode=1\nExecMainStatus=203\n", False),
        ("ActiveState=failed\nResult=resources\nExecMainCode=0\nExecMainStatus=0\n", False),
        ("ActiveState=active\nMainPID=7\nResult=success\nExecMainCode=0\nExecMainStatus=0\n", False),
    ],
)
def test_an_app_that_ended_at_its_start_is_told_from_a_unit_that_could_not_start(told: str, by_itself: bool) -> None:
    [state] = units.states(told)
    assert state.has_ended_by_itself is by_itself
