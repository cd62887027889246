"""What the kernel counts of trees of processes and of control groups."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from nanoscale_box.adapters import usage
from nanoscale_box.adapters.processes import ProcessId, family, identify_child, send
from nanoscale_box.core.model import DeploymentId, ProjectId, Release
from nanoscale_box.engine.ports import Spent
from tests.adapters.helpers import until

BURN = "import time\nwhile time.process_time() < {}: pass\n"
TREE = f"""
import os, subprocess, sys, time
subprocess.run([sys.executable, "-c", {BURN.format(0.3)!r}])
subprocess.Popen([sys.executable, "-c", {BURN.format(0.2)!r} + "print('burnt', flush=True); time.sleep(600)"],
    start_new_session=True)
time.sleep(600)
"""


async def test_a_tree_is_counted_with_those_that_ended_and_those_that_left_the_session() -> None:
    other = Release(project_id=ProjectId("prj_2"), deployment_id=DeploymentId("dep_2"))
    with (
        subprocess.Popen([sys.executable, "-c", TREE], start_new_session=True, stdout=subprocess.PIPE) as tree,
        subprocess.Popen(["sleep", "600"], start_new_session=True) as calm,
    ):
        try:
            assert tree.stdout and tree.stdout.readline() == b"burnt\n"
            found = usage.of_trees({release(): identify_child(tree.pid), other: identify_child(calm.pid)})
            assert found[release()].cpu_seconds >= 0.4  # counted in ticks
            assert (found[release()].memory_bytes or 0) > 8_000_000 > (found[other].memory_bytes or 0) > 0
            assert found[other].cpu_seconds < 0.2
        finally:
            send(family(identify_child(tree.pid)), signal.SIGKILL)
            calm.kill()


async def test_one_that_ended_or_whose_number_is_a_strangers_is_left_out() -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as child:
        there = identify_child(child.pid)
        stranger = ProcessId(pid=there.pid, started=there.started + 1, boot=there.boot)
        assert usage.of_trees({release(): stranger}) == {}
        child.kill()
    await until(lambda: usage.of_trees({release(): there}) == {})


def test_a_control_group_is_read_and_one_that_is_gone_or_not_counted_is_left_out(tmp_path: Path) -> None:
    group(tmp_path, "a", "usage_usec 1500000\nuser_usec 1\nsystem_usec 2\n", "8192\n")
    group(tmp_path, "b", "usage_usec 7\n", None)
    group(tmp_path, "c", "nr_periods 0\n", "1\n")
    releases = {release(name): f"/{name}.service" for name in "abcd"}
    assert usage.of_groups(releases, tmp_path) == {
        release("a"): Spent(cpu_seconds=1.5, memory_bytes=8192),
        release("b"): Spent(cpu_seconds=0.000007, memory_bytes=None),
    }


def group(root: Path, name: str, cpu: str, memory: str | None) -> None:
    """A control group's files."""
    folder = root / f"{name}.service"
    folder.mkdir()
    (folder / "cpu.stat").write_text(cpu)
    if memory is not None:
        (folder / "memory.current").write_text(memory)


def release(name: str = "1") -> Release:
    """Some release."""
    return Release(project_id=ProjectId("prj_1"), deployment_id=DeploymentId(f"dep_{name}"))
