"""Child processes: streamed by the line, bounded in time, and gone with everything they started."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from nanoscale_box.adapters import shell
from nanoscale_box.adapters.lines import CUT, MAX_LINE_BYTES, Lines
from nanoscale_box.core.errors import BoxError, Code
from tests.adapters.helpers import STRAY, is_running, pid_in, until

ENV = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}


async def output_of(folder: Path, *argv: str, **more: str) -> tuple[int, list[str]]:
    """Run it; exit status and lines."""
    lines: list[str] = []
    status = await shell.run(argv, folder=folder, env=ENV | more, line=lines.append)
    return status, lines


async def test_gives_lines_and_status(tmp_path: Path) -> None:
    status, lines = await output_of(tmp_path, "/bin/sh", "-c", "echo one; echo two >&2; printf three; exit 3")
    assert (status, lines) == (3, ["one", "two", "three"])


async def test_sees_only_what_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NANOSCALE_SECRET", "x")
    with open(tmp_path / "open", "w") as open_file:
        os.set_inheritable(open_file.fileno(), True)
        status, lines = await output_of(tmp_path, "/bin/sh", "-c", "env | sort; ls /proc/$$/fd; pwd; cat", MINE="1")
    assert status == 0
    given = [line for line in lines if "=" in line and not line.startswith(("PWD=", "OLDPWD=", "_=", "SHLVL="))]
    assert given == ["LANG=C.UTF-8", "MINE=1", f"PATH={os.environ['PATH']}"]
    assert {line for line in lines if line.isdigit()} <= {"0", "1", "2", "10"}
    assert lines[-1] == str(tmp_path)


async def test_arguments_reach_no_shell(tmp_path: Path) -> None:
    status, lines = await output_of(tmp_path, "printf", "%s\n", "$(id); `id` && x > y", "--upload-pack=touch x", "*")
    assert (status, lines) == (0, ["$(id); `id` && x > y", "--upload-pack=touch x", "*"])


async def test_binary_junk_and_an_endless_line_survive(tmp_path: Path) -> None:
    program = (
        "import sys; b=sys.stdout.buffer; b.write(b'a'*10_000_000+b'\\n'); b.write(bytes(range(256))+b'\\nlast\\n')"
    )
    status, lines = await output_of(tmp_path, sys.executable, "-c", program)
    assert status == 0
    assert lines[0] == "a" * MAX_LINE_BYTES + CUT
    assert lines[-1] == "last"


async def test_a_flood_lets_the_loop_run(tmp_path: Path) -> None:
    said = 0
    most_at_once = 0

    async def tick() -> None:
        nonlocal most_at_once
        while True:
            before = said
            await asyncio.sleep(0)
            most_at_once = max(most_at_once, said - before)

    def line(_: str) -> None:
        nonlocal said
        said += 1

    ticking = asyncio.create_task(tick())
    flood = ["/bin/sh", "-c", "yes 0123456789 | head -n 300000"]
    status = await shell.run(flood, folder=tmp_path, env=ENV, line=line)
    ticking.cancel()
    assert (status, said) == (0, 300000)
    assert most_at_once < 30_000  # others have their turn at least ten times as the lines come


async def test_a_missing_program_and_death_by_signal_are_statuses(tmp_path: Path) -> None:
    status, lines = await output_of(tmp_path, "no-such-program-here")
    assert (status, lines) == (127, ["no-such-program-here: there is no such program"])
    assert (await output_of(tmp_path, "/bin/sh", "-c", "kill -9 $$"))[0] == 128 + 9
    assert (await output_of(tmp_path, "/bin/sh", "-c", "yes | head -n1"))[1] == ["y"]


async def test_what_cannot_begin_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BoxError) as caught:
        await output_of(tmp_path, "true", BIG="x" * 1_000_000)
    assert caught.value.code is Code.START_FAILED
    assert "too large" in caught.value.detail


async def test_time_limit_ends_everything(tmp_path: Path) -> None:
    command = ["/bin/sh", "-c", "sleep 600 & sleep 600"]
    with pytest.raises(TimeoutError):
        await shell.run(command, folder=tmp_path, env=ENV, line=lambda _: None, seconds=0.3)


@pytest.mark.parametrize("defence", ["", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"])
async def test_cancelling_ends_also_what_left_the_session(tmp_path: Path, defence: str) -> None:
    (tmp_path / "stray.py").write_text(defence + STRAY)
    command = f"env -i {sys.executable} stray.py stray.pid; trap '' TERM; sleep 600; sleep 600"
    job = asyncio.create_task(shell.run(["/bin/sh", "-c", command], folder=tmp_path, env=ENV, line=lambda _: None))
    stray = await pid_in(tmp_path / "stray.pid")
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job  # the command ignores SIGTERM and would take ten minutes
    assert not is_running(stray)


async def test_what_a_finished_command_left_behind_is_ended(tmp_path: Path) -> None:
    (tmp_path / "stray.py").write_text(STRAY)
    wait = "while ! [ -s stray.pid ]; do sleep 0.01; done"
    command = f"{sys.executable} stray.py stray.pid; {wait}; echo done"
    status, lines = await output_of(tmp_path, "/bin/sh", "-c", command)
    assert (status, lines) == (0, ["done"])
    assert not is_running(int((tmp_path / "stray.pid").read_text()))


async def test_a_killed_box_takes_its_commands_along(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        import asyncio, pathlib
        from nanoscale_box.adapters import shell
        command = ["/bin/sh", "-c", "echo $$ > child.pid; sleep 600"]
        folder = pathlib.Path({str(tmp_path)!r})
        asyncio.run(shell.run(command, folder=folder, env={{"PATH": "/usr/bin:/bin"}}, line=print))
    """)
    box = subprocess.Popen([sys.executable, "-c", program])
    child = await pid_in(tmp_path / "child.pid")
    box.send_signal(signal.SIGKILL)
    box.wait()
    await until(lambda: not is_running(child))


async def test_limits_hold(tmp_path: Path) -> None:
    lines: list[str] = []
    command = ["/bin/sh", "-c", "head -c 100000 /dev/zero > big; echo $?; ulimit -f"]
    await shell.run(command, folder=tmp_path, env=ENV, line=lines.append, limits={"RLIMIT_FSIZE": 1024})
    assert (tmp_path / "big").stat().st_size == 1024
    assert lines[-1] == "2"


def test_lines_bound_what_they_keep() -> None:
    lines = Lines(limit=4)
    assert lines.feed(b"ab") == []
    assert lines.feed(b"cdef\r\nx\ry\n\n12345") == ["abcd" + CUT, "y", ""]
    assert lines.end() == ["1234" + CUT]
    assert lines.end() == []
