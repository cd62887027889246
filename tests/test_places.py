"""Where home and socket are: the same for the daemon and for its clients."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanoscale_box.places import SERVICE_SOCKET, default_home, default_socket, socket_candidates


@pytest.mark.parametrize(
    ("environ", "home"),
    [
        ({"NANOSCALE_HOME": "/x", "STATE_DIRECTORY": "/s", "XDG_DATA_HOME": "/d", "HOME": "/h"}, "/x"),
        ({"STATE_DIRECTORY": "/s", "XDG_DATA_HOME": "/d", "HOME": "/h"}, "/s"),
        ({"STATE_DIRECTORY": "/s:/t", "HOME": "/h"}, "/s"),
        ({"XDG_DATA_HOME": "/d", "HOME": "/h"}, "/d/nanoscale-box"),
        ({"XDG_DATA_HOME": "relative", "HOME": "/h"}, "/h/.local/share/nanoscale-box"),
        ({"HOME": "/h"}, "/h/.local/share/nanoscale-box"),
        ({"HOME": "", "NANOSCALE_HOME": ""}, "/root/.local/share/nanoscale-box"),
        ({}, "/root/.local/share/nanoscale-box"),
    ],
)
def test_home(environ: dict[str, str], home: str) -> None:
    assert default_home(environ) == Path(home)


@pytest.mark.parametrize(
    ("environ", "socket"),
    [
        ({"NANOSCALE_SOCKET": "/x.sock", "RUNTIME_DIRECTORY": "/r", "XDG_RUNTIME_DIR": "/u"}, "/x.sock"),
        ({"RUNTIME_DIRECTORY": "/r", "XDG_RUNTIME_DIR": "/u"}, "/r/box.sock"),
        ({"RUNTIME_DIRECTORY": "/r:/q"}, "/r/box.sock"),
        ({"XDG_RUNTIME_DIR": "/u", "HOME": "/h"}, "/u/nanoscale-box/box.sock"),
        ({"NANOSCALE_HOME": "/x"}, "/x/box.sock"),
        ({"HOME": "/h"}, "/h/.local/share/nanoscale-box/box.sock"),
    ],
)
def test_socket(environ: dict[str, str], socket: str) -> None:
    assert default_socket(environ) == Path(socket)


def test_a_client_looks_where_the_daemon_listens() -> None:
    assert socket_candidates({"NANOSCALE_SOCKET": "/x.sock", "XDG_RUNTIME_DIR": "/u"}) == [Path("/x.sock")]
    for environ in ({"XDG_RUNTIME_DIR": "/u"}, {"HOME": "/h"}, {"NANOSCALE_HOME": "/x"}):
        assert socket_candidates(environ) == [default_socket(environ), SERVICE_SOCKET]
    service = {"RUNTIME_DIRECTORY": "/run/nanoscale-box", "STATE_DIRECTORY": "/var/lib/nanoscale-box"}
    assert default_socket(service) == SERVICE_SOCKET
