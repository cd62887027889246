"""Commands that no test can type, since they need other people's services or machines: they speak of what there is."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

from nanoscale_box.config import read_settings
from nanoscale_box.service.layout import KEY_NAME, Layout
from tests.campaigns.__main__ import parser
from tests.docs.pages import PAGES, blocks, commands
from tests.docs.scenes import NOT_RUN
from tests.house.tree import ROOT
from tests.needs import needs

TEXTS = {
    one.text: shlex.split(one.text.replace("\\\n", ""))
    for page in PAGES
    for one in commands(page)
    if one.text in NOT_RUN
}
TOOLS = ("cloudflared", "tailscale", "ngrok", "ssh")
SETTINGS = read_settings({"HOME": "/home/ada"})
LISTEN, APPS, API = SETTINGS.listen.port, SETTINGS.ingress_listen.port, 8788
"""The third has no default; one number stands for it in all documents."""


def of(program: str) -> list[list[str]]:
    """The commands that start a program."""
    return [words for words in TEXTS.values() if program in (words[0], words[0] == "sudo" and words[1])]


def test_tunnels_lead_to_the_public_door() -> None:
    told = {port for name in TOOLS for words in of(name) for port in re.findall(r"\b\d{4,5}\b", " ".join(words))}
    assert told == {str(LISTEN)}
    for page, path in PAGES.items():
        ports = {int(port) for port in re.findall(r"(?:127\.0\.0\.1|localhost):(\d+)", path.read_text())}
        assert ports <= {LISTEN, APPS, API}, page


def test_tunnels_have_the_address_that_the_box_is_told() -> None:
    page = PAGES["docs/tunnels.md"].read_text()
    told = {
        host for name in TOOLS for words in of(name) for host in re.findall(r"[\w.-]+\.(?:org|dev)\b", " ".join(words))
    }
    assert told == {"box.example.org", "NAME.ngrok-free.dev"}
    assert [host for host in told if f"NANOSCALE_PUBLIC_BASE_URL=https://{host}" not in page] == []


def test_a_tunnel_is_run_by_the_name_it_was_made_with() -> None:
    after = {words[2]: words[-2 if words[2] == "route" else -1] for words in of("cloudflared") if words[1] == "tunnel"}
    named = {verb: name for verb, name in after.items() if verb in ("create", "route", "run")}
    (file,) = [block.text for block in blocks("docs/tunnels.md") if "credentials-file" in block.text]
    made = re.search(r"^tunnel: (\S+)$", file, re.MULTILINE)
    assert made and named == dict.fromkeys(("create", "route", "run"), made[1])


def test_ssh_takes_what_it_is_given() -> None:
    needs("ssh")
    kept_up = re.findall(r"^ExecStart=/usr/bin/(ssh .*)$", PAGES["docs/tunnels.md"].read_text(), re.MULTILINE)
    lines = [*of("ssh"), *map(shlex.split, kept_up)]
    assert len(lines) == 4
    for words in lines:
        done = subprocess.run(["ssh", "-G", *words[1:]], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        assert re.search(
            rf"^(local|remote)forward \[?127\.0\.0\.1\]?:{LISTEN} |^localforward {LISTEN} ", done.stdout, re.MULTILINE
        )


def test_places_of_the_service_are_its_places() -> None:
    assert of("systemd-creds") == [
        ["sudo", "systemd-creds", "decrypt", f"--name={KEY_NAME}", str(Layout().sealed_key), "-"]
    ]
    ((*_, parent, _, _, folder),) = of("tar")
    assert Path(parent) / folder in Layout().leftovers()
    units = {f"{words[-1]}.service" for words in of("systemctl")}
    files = {
        Path(found).name
        for found in re.findall(r"~/.config/systemd/user/\S+?\.service", PAGES["docs/install.md"].read_text())
    }
    assert units == files


@pytest.mark.parametrize("text", [text for text in TEXTS if "tests" in text or "scripts" in text])
def test_programs_and_options_of_the_checkout_are_there(text: str) -> None:
    words = [word for word in TEXTS[text] if word != "sudo"]
    for word in words:
        assert not re.match(r"(\./)?(scripts|tests)/", word) or (ROOT / word).exists(), word
    if "tests.campaigns" in words:
        parser().parse_args(words[words.index("tests.campaigns") + 1 :])
    if "=" in words[0]:
        assert words[0].partition("=")[0] in (ROOT / "tests" / "size.py").read_text()


def test_the_package_has_the_extra_that_is_asked_for() -> None:
    asked = {extra for words in TEXTS.values() for word in words for extra in re.findall(r"whl\[(\w+)\]$", word)}
    assert asked
    assert asked <= {*tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]}
