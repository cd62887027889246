"""Ports for tests: each is given once, to one of all the processes that ask."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from nanoscale_box.demo import children
from tests import ports
from tests.house.tree import ROOT


def test_a_port_is_given_once_though_nobody_listens_there(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[socket.socket] = []
    monkeypatch.setattr(ports, "_HELD", held)
    few = [ports.free_port() for _ in range(3)]
    monkeypatch.setattr(ports, "_QUIET", few)
    assert len({*few}) == 3
    ask = f"from tests import ports; ports._QUIET = {few}; ports.free_port()"
    with pytest.raises(RuntimeError, match="no port is free"):
        ports.free_port()
    other = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "no port is free" in other.stderr
    held.pop(0).close()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", few[0]))
        with pytest.raises(RuntimeError, match="no port is free"):
            ports.free_port()
    assert ports.free_port() == few[0]
    for one in held:
        one.close()


def test_the_demo_has_ports_of_its_own_and_no_two_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not {*children.QUIET_PORTS} & {*ports._QUIET}
    few = children.free_ports(2)
    monkeypatch.setattr(children, "QUIET_PORTS", few)
    assert sorted(children.free_ports(2)) == sorted(few)
    with pytest.raises(RuntimeError, match="all in use"):
        children.free_ports(3)
