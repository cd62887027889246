"""Caddy's configuration, compared as data."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanoscale_box.adapters.caddy_config import configuration, is_sayable, listen_of


def made(*hosts: str, routes: str = "/home/a b/routes") -> dict[str, object]:
    """A configuration for these hosts."""
    return configuration(listen=":8080", hosts=hosts, routes=Path(routes), log=Path("/home/a b/ingress/caddy.log"))


def server(config: dict[str, object]) -> dict[str, object]:
    """The one server in it."""
    found: dict[str, object] = config["apps"]["http"]["servers"]["apps"]  # type: ignore[index]
    return found


def test_the_order_of_hosts_and_repetitions_do_not_matter() -> None:
    assert made("b.localhost", "a.localhost", "b.localhost") == made("a.localhost", "b.localhost")


def test_each_host_reads_its_own_file_and_the_last_route_knows_nobody() -> None:
    routes = server(made("a.localhost", "b.localhost"))["routes"]
    assert isinstance(routes, list)
    assert [route.get("match") for route in routes] == [[{"host": ["a.localhost"]}], [{"host": ["b.localhost"]}], None]
    assert routes[0]["handle"][0] == {"handler": "vars", "route": "{file./home/a b/routes/a.localhost}"}
    assert routes[-1]["handle"][0]["status_code"] == "404"


def test_nothing_asks_for_certificates_or_listens_for_strangers() -> None:
    config = made("a.localhost")
    assert server(config)["automatic_https"] == {"disable": True}
    assert config["admin"] == {"listen": "unix/admin.sock|0600", "config": {"persist": False}}
    assert listen_of(config) == [":8080"]


def test_no_hosts_at_all_is_a_configuration_too() -> None:
    assert len(server(made())["routes"]) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("config", [None, [], {"apps": {}}, {"apps": {"http": {"servers": {"other": {}}}}}])
def test_a_strange_configuration_listens_nowhere(config: object) -> None:
    assert listen_of(config) == []


@pytest.mark.parametrize(("home", "sayable"), [("/a b/ü", True), ("/a{b}", False), ("/a\\b", False), ("/a\nb", False)])
def test_which_homes_can_be_said(home: str, sayable: bool) -> None:
    assert is_sayable(Path(home)) is sayable
