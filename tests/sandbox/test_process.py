"""The sandbox as a process of its own: `python -m nanoscale_box.sandbox`."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

SANDBOX = [sys.executable, "-m", "nanoscale_box.sandbox"]
PACKAGE = Path(__file__).resolve().parents[2]


def start(home: Path, *options: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    argv = [*SANDBOX, "--home", str(home), *options]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=PACKAGE)
    assert process.stdout is not None
    line = process.stdout.readline()
    return process, json.loads(line)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_line_then_service_then_an_end(tmp_path: Path, number: signal.Signals) -> None:
    process, ready = start(tmp_path / "home", "--sample-repos", "3")
    assert ready["api_url"] == ready["url"] + "/api/v3"
    assert ready["pid"] == process.pid
    with urllib.request.urlopen(f"{ready['url']}/_sandbox/state", timeout=10) as reply:
        names = [one["full_name"] for one in json.load(reply)["repos"]]
    assert len(names) == 8
    process.send_signal(number)
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert (out, errors) == ("", "")
    assert [entry.name for entry in tmp_path.iterdir()] == ["home"]


def test_the_same_home_again(tmp_path: Path) -> None:
    for _ in range(2):
        process, ready = start(tmp_path)
        body = json.dumps({"repo": "hello", "files": {"a": "a"}}).encode()
        call = urllib.request.Request(f"{ready['url']}/_sandbox/push", body, method="POST")
        with urllib.request.urlopen(call, timeout=10) as reply:
            assert reply.status == 200
        process.terminate()
        process.communicate(timeout=10)
        assert process.returncode == 0


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    middle = "import subprocess, sys, time; subprocess.Popen(sys.argv[1:]); time.sleep(60)"
    argv = [*SANDBOX, "--home", str(tmp_path), "--die-with-parent"]
    parent = subprocess.Popen([sys.executable, "-c", middle, *argv], stdout=subprocess.PIPE, text=True, cwd=PACKAGE)
    assert parent.stdout is not None
    pid = json.loads(parent.stdout.readline())["pid"]
    watch = os.pidfd_open(pid)
    try:
        parent.kill()
        parent.wait(timeout=10)
        ended, _, _ = select.select([watch], [], [], 10)
        assert ended
    finally:
        os.close(watch)
        parent.stdout.close()


def test_a_taken_port_is_a_sentence(tmp_path: Path) -> None:
    process, ready = start(tmp_path / "one")
    address = ready["url"].removeprefix("http://")
    argv = [*SANDBOX, "--home", str(tmp_path / "two"), "--listen", address]
    second = subprocess.run(argv, capture_output=True, text=True, timeout=20, cwd=PACKAGE, check=False)
    process.terminate()
    process.communicate(timeout=10)
    assert second.returncode == 1
    assert second.stderr.startswith("The sandbox could not start: ")
    assert second.stdout == ""


def test_it_imports_nothing_of_the_box() -> None:
    code = "import sys, nanoscale_box.sandbox.__main__; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE, check=True)
    names = [name for name in told.stdout.split() if name.startswith("nanoscale_box")]
    assert names
    assert all(name == "nanoscale_box" or name.startswith("nanoscale_box.sandbox") for name in names)
