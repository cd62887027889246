"""What the documents leave open: what stands for their placeholders, what must be so before a command, who sits at the
terminal, and which commands cannot be run here and why. Whatever no document needs any more fails a test."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.docs.world import APP, PASSPHRASE, PERSON, SECONDS, World


def newest(world: World) -> str:
    """The id of the app's newest deployment."""
    return str(world.told(f"nanoscale-box deployments {APP}")["items"][0]["id"])


# Placeholders: a pattern, and what is typed in its place.

STAND_INS: Final[dict[str, Callable[[World], str]]] = {
    r"https://github\.com/(?:OWNER/NAME|me/site)": lambda w: f"{w.github}/{PERSON}/site",
    r"https://github\.com/YOU/": lambda w: f"{w.github}/{PERSON}/",
    r"(?<=--repo )YOU/": lambda _: f"{PERSON}/",
    r"\b(?:OWNER/NAME|me/site)\b": lambda _: f"{PERSON}/site",
    r"\bme/api\b": lambda _: f"{PERSON}/service",
    r"\bnsbox\b": lambda _: "site",
    r"\bNAME\b": lambda _: APP,
    r"\bmy-team\b": lambda _: "analytical",
    r"\bnsb_\.\.\.": lambda w: next(word for said in reversed(w.said) for word in said.split() if word[:4] == "nsb_"),
    r"\bdep_01\.\.\.": newest,
    r"(?<=rollback hello --to )12": lambda w: str(live_before(w)),
    r"\b127\.0\.0\.1:8787\b": lambda w: f"127.0.0.1:{w.ports['listen']}",
    r"\b127\.0\.0\.1:8080\b": lambda w: f"127.0.0.1:{w.ports['apps']}",
    r"\b127\.0\.0\.1:8788\b": lambda w: f"127.0.0.1:{w.ports['api']}",
    r"(?<=\s)/var/backups/": lambda w: f"{w.folder}/backups/",
}


def typed_for(world: World, text: str) -> str:
    """A command as it is typed here."""
    for pattern, stands in STAND_INS.items():
        text = re.sub(pattern, lambda _: stands(world), text) if re.search(pattern, text) else text  # noqa: B023 - at once
    return text


def live_before(world: World) -> int:
    """The number of a deployment that can be gone back to."""
    items = world.told(f"nanoscale-box deployments {APP}")["items"]
    return int(next(one["number"] for one in items if one["state"] == "retired"))


# What must be so before a command.


def waiting(world: World) -> None:
    """A deployment that has not got far: GitHub keeps it waiting."""
    world.order("faults", {"match": {"path": "git-upload-pack"}, "kind": "delay", "seconds": 3, "times": 1})
    world.ask(f"nanoscale-box deploy {APP} --no-wait --clear-cache")


def pushed(world: World) -> None:
    """The second push of the tutorial is live."""
    world.until(lambda: "#2" in str(world.ask("nanoscale-box why first-page")), "the push has a verdict")
    world.until(lambda: " live" in str(world.ask("nanoscale-box deployments first-page").splitlines()[0]), "it is live")


DISTURBING: Final = r" (disconnect|projects delete)\b"
"""After these not everything may be taken for granted any more."""

BEFORE: Final[dict[str, Callable[[World], object]]] = {
    r"nanoscale-box why first-page": pushed,
    r"nanoscale-box cancel .*": waiting,
    r"(nanoscale-box|\./scripts/box) projects create .*(OWNER/NAME|me/site).*": lambda w: w.free_name("site"),
    r"nanoscale-box projects create .*me/api.*": lambda w: w.free_name("service"),
    r"nanoscale-box env unset hello API_KEY": lambda w: w.ask("nanoscale-box env set hello API_KEY=x"),
    r"nanoscale-box token create dashboard.*": lambda w: w.run("nanoscale-box token revoke dashboard"),
    r"rm -r ~/\.local/share/nanoscale-box .*": World.stop,
}

# What is done in another way than by typing it and waiting: the command as it is typed, and what it printed.


def by_clicking(world: World, line: str) -> str:
    """The person goes through GitHub's pages."""
    return world.connect(line)


def at_a_terminal(world: World, line: str, answers: dict[str, str]) -> str:
    """In a terminal: whenever something shows, something is typed."""
    primary, secondary = pty.openpty()
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", line], env=world.environ | {"PLAIN": "1"}, cwd=world.home,
        stdin=secondary, stdout=secondary, stderr=secondary, start_new_session=True,
    )  # fmt: skip
    os.close(secondary)
    said, open_questions, deadline = b"", dict(answers), time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        ready, _, _ = select.select([primary], [], [], 0.1)
        try:
            said += os.read(primary, 65536) if ready else b""
        except OSError:  # the other end is closed
            break
        for question in [one for one in open_questions if one.encode() in said]:
            os.write(primary, open_questions.pop(question).encode())
        if process.poll() is not None:
            break
    os.close(primary)
    text = said.decode(errors="replace")
    if process.poll() is None and time.monotonic() > deadline:
        os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(timeout=20) == 0, f"{line}\n{text}"
    assert open_questions == {}, f"{line} never showed {list(open_questions)}:\n{text}"
    return text


def looked_at(world: World, line: str) -> str:
    """The terminal UI: what runs is seen, and it is left."""
    return at_a_terminal(world, line, {APP: "q"})


def with_a_passphrase(world: World, line: str) -> str:
    """It is asked for twice."""
    return at_a_terminal(world, line, {"Passphrase: ": f"{PASSPHRASE}\n", "Again: ": f"{PASSPHRASE}\n"})


def until_ctrl_c(world: World, line: str) -> str:
    """What goes on until somebody has seen enough."""
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", f"exec {line}"], env=world.environ | {"PLAIN": "1"}, cwd=world.home,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    heard, _, _ = select.select([process.stdout], [], [], SECONDS)
    said = process.stdout.readline() if heard else ""
    process.send_signal(signal.SIGINT)
    said += process.stdout.read()
    process.stdout.close()
    assert process.wait(timeout=SECONDS) in {0, 130}, said
    assert said.strip(), f"{line} says nothing"
    return said


def as_the_only_box(world: World, line: str) -> str:
    """`serve`: in place of the one that runs."""
    world.stop()
    said = until_ctrl_c(world, line)
    world.start()
    return said


def on_another_machine(world: World, line: str) -> str:
    """A home with nothing in it but the file of keys and the backup."""
    there = world.folder / "another"
    shutil.rmtree(there, ignore_errors=True)
    keys = there / ".local/share/nanoscale-box/keys"
    keys.parent.mkdir(parents=True)
    shutil.copy(world.home / ".local/share/nanoscale-box/keys", keys)
    shutil.copy(world.home / "box.tar.gz", there)
    shutil.copytree(world.home / ".config", there / ".config")
    if "--replace" in line:
        shutil.copy(world.home / ".local/share/nanoscale-box/box.db", keys.parent)
    return at_a_terminal_in(world, line, str(there))


def at_a_terminal_in(world: World, line: str, home: str) -> str:
    """In a terminal, with another home."""
    done = at_a_terminal(world, f"export HOME={home}; cd; {line}", {"Passphrase: ": f"{PASSPHRASE}\n"})
    assert "GitHub knows the App" in done, done
    return done


DONE: Final[dict[str, Callable[[World, str], str]]] = {
    r"nanoscale-box github connect.*": by_clicking,
    r"\./scripts/box|nanoscale-box tui .*": looked_at,
    r"nanoscale-box backup \S+ --keys": with_a_passphrase,
    r"(nanoscale-box|\./scripts/box) logs \S+ -f": until_ctrl_c,
    r"nanoscale-box projects delete \S+": lambda w, line: at_a_terminal(w, line, {"Type its name": f"{APP}\n"}),
    r"nanoscale-box restore --verify .*": lambda w, line: at_a_terminal(w, line, {"Passphrase: ": f"{PASSPHRASE}\n"}),
    r"nanoscale-box serve": as_the_only_box,
    r"nanoscale-box restore (?!--verify).*": on_another_machine,
}


def special(text: str) -> Callable[[World, str], str] | None:
    """How a command is done that is not just typed."""
    return next((way for pattern, way in DONE.items() if re.fullmatch(pattern, text)), None)


# What cannot be run here.


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Why a command is not run with its document, and the test that runs it, where one does."""

    why: str
    test: str = ""


_SERVICE: Final = "it needs a systemd of its own"
_ACCOUNT: Final = "it needs an account at somebody else's service"
_MACHINES: Final = "it needs two machines"
_USERS: Final = "it needs the systemd of a user who is logged in"
_REGISTRY: Final = "it fetches every package anew"
_HOURS: Final = "it takes minutes to hours; the tests run it small"

NOT_RUN: Final = {
    "./scripts/test": Elsewhere(why="it is what runs this"),
    "./scripts/box demo": Elsewhere(why="it is long", test="tests/e2e/test_demo.py::test_in_a_terminal"),
    "./scripts/box demo push": Elsewhere(why="it needs that demo", test="tests/e2e/test_demo.py::test_in_a_terminal"),
    "./scripts/box demo push --broken": Elsewhere(
        why="it needs that demo", test="tests/e2e/test_demo.py::test_in_a_terminal"
    ),
    "nanoscale-box demo": Elsewhere(why="it is long", test="tests/e2e/test_demo.py::test_in_a_terminal"),
    "nanoscale-box demo --headless": Elsewhere(
        why="it is long", test="tests/e2e/test_demo.py::test_headless_sees_every_step"
    ),
    "nanoscale-box demo push": Elsewhere(why="it needs that demo", test="tests/e2e/test_demo.py::test_in_a_terminal"),
    "nanoscale-box demo push --broken": Elsewhere(
        why="it needs that demo", test="tests/e2e/test_demo.py::test_in_a_terminal"
    ),
    "sudo ./scripts/install-service": Elsewhere(
        why=_SERVICE, test="tests/machine/test_machine.py::test_the_units_are_right_and_tight"
    ),
    "sudo systemd-creds decrypt --name=encryption-keys /etc/nanoscale-box/encryption-keys.cred -": Elsewhere(
        why=_SERVICE
    ),
    "sudo ./scripts/install-service new-key": Elsewhere(
        why=_SERVICE, test="tests/machine/test_machine.py::test_keys_are_changed"
    ),
    "sudo ./scripts/install-service drop-old-keys": Elsewhere(
        why=_SERVICE, test="tests/machine/test_machine.py::test_keys_are_changed"
    ),
    "git pull && sudo ./scripts/install-service upgrade": Elsewhere(
        why=_SERVICE, test="tests/machine/test_machine.py::test_an_upgrade_keeps_apps_and_ingress_serving"
    ),
    "sudo ./scripts/install-service uninstall": Elsewhere(
        why=_SERVICE, test="tests/machine/test_machine.py::test_an_uninstall_leaves_nothing_but_what_was_kept"
    ),
    "sudo ./scripts/install-service uninstall --purge": Elsewhere(
        why=_SERVICE, test="tests/machine/test_machine.py::test_an_uninstall_leaves_nothing_but_what_was_kept"
    ),
    "systemctl --user enable --now nanoscale-box": Elsewhere(why=_USERS),
    'loginctl enable-linger "$USER"': Elsewhere(why=_USERS),
    "systemctl --user disable --now nanoscale-box": Elsewhere(why=_USERS),
    **dict.fromkeys(
        (
            "pipx install './nanoscale_box-VERSION-py3-none-any.whl[ingress]'",
            "uv tool install './nanoscale_box-VERSION-py3-none-any.whl[ingress]'",
        ),
        Elsewhere(why=_REGISTRY, test="tests/e2e/test_package.py::test_from_an_empty_environment"),
    ),
    "sudo tar --numeric-owner -C /var/lib/private -czf apps.tar.gz nanoscale-app": Elsewhere(why=_SERVICE),
    "ssh -L 8787:127.0.0.1:8787 YOU@THE-BOX": Elsewhere(why=_MACHINES),
    "ssh -L 8787:127.0.0.1:8787 you@the-machine": Elsewhere(why=_MACHINES),
    "ssh -N -T -o ExitOnForwardFailure=yes -o ServerAliveInterval=30 -o ServerAliveCountMax=3 \\\n"
    "    -R 127.0.0.1:8787:127.0.0.1:8787 you@box.example.org": Elsewhere(why=_MACHINES),
    "curl https://box.example.org/healthz": Elsewhere(
        why=_MACHINES, test="tests/e2e/test_proxies.py::test_behind_caddy_as_the_guide_has_it"
    ),
    **dict.fromkeys(
        (
            "cloudflared tunnel --url http://127.0.0.1:8787",
            "cloudflared tunnel login",
            "cloudflared tunnel create box",
            "cloudflared tunnel route dns box box.example.org",
            "cloudflared tunnel run --url http://127.0.0.1:8787 box",
            "sudo tailscale funnel --bg 8787",
            "tailscale funnel status",
            "ngrok config add-authtoken YOUR-TOKEN",
            "ngrok http 8787 --url https://NAME.ngrok-free.dev",
        ),
        Elsewhere(why=_ACCOUNT),
    ),
    ".venv/bin/python -m tests.campaigns kills --kills 1000 --deliveries 100000 --minutes 60 --rumours 20 --pause 0.004": (  # noqa: E501
        Elsewhere(why=_HOURS, test="tests/campaigns/test_kills.py::test_killed_at_random")
    ),
    ".venv/bin/python -m tests.campaigns power --deliveries 2000 --each 3 --boots 50": Elsewhere(
        why=_HOURS, test="tests/campaigns/test_powercut.py::test_the_power_is_cut_at_every_sync"
    ),
    "NANOSCALE_TEST_SIZE=50 .venv/bin/python -m pytest -q tests/engine/test_model.py": Elsewhere(why=_HOURS),
}
