"""Shell completion: what is printed is what the shell itself accepts, and it knows every command."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nanoscale_box.cli.commands import COMMANDS
from tests.cli.conftest import Type
from tests.needs import needs

SHELLS = ["bash", "zsh", "fish"]


@pytest.mark.parametrize("shell", SHELLS)
async def test_it_knows_every_command_and_needs_no_box(nowhere: Path, typed: Type, shell: str) -> None:
    told = await typed("completion", shell)
    assert (told.status, told.err) == (0, "")
    assert [c.words for c in COMMANDS if c.words.split()[-1] not in told.out] == []
    assert "clear-cache" in told.out


@pytest.mark.parametrize("shell", SHELLS)
async def test_the_shell_reads_it(nowhere: Path, typed: Type, tmp_path: Path, shell: str) -> None:
    needs(shell)
    script = tmp_path / "completion"
    script.write_text((await typed("completion", shell)).out)
    checked = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


async def test_bash_completes_a_command(nowhere: Path, typed: Type, tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text((await typed("completion", "bash")).out)
    asked = (
        f"source {script}; COMP_WORDS=(nanoscale-box projects cr); COMP_CWORD=2; "
        '$(complete -p nanoscale-box | sed "s/.*-F \\([^ ]*\\).*/\\1/"); echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["create"], done.stderr
