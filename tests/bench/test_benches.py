"""Each bench runs to its end at its smallest size and tells what the contract says; no figure is judged here."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from tests.bench import faces, ingest, stores, switching
from tests.bench.__main__ import BENCHES, main
from tests.bench.deliveries import Pushes, requests
from tests.bench.report import Line, Peer
from tests.needs import needs_caddy


@pytest.fixture(autouse=True)
def _smallest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NANOSCALE_TEST_SIZE", "smoke")


def test_a_line_has_the_shape_of_the_contract() -> None:
    told = Line(name="x", unit="ms", ours=3, runs=5, peer=Peer(name="them", value=2), budget=2.0)
    assert json.loads(told.as_json()) == {
        "name": "x",
        "unit": "ms",
        "ours": 3.0,
        "peer": {"name": "them", "value": 2.0},
        "ratio": 1.5,
        "budget": 2.0,
        "ok": True,
        "runs": 5,
    }
    assert json.loads(Line(name="x", unit="ms", ours=3, runs=1, budget=2).as_json())["ok"] is False
    assert Line(name="x", unit="per s", ours=3, runs=1, budget=2, at_least=True).ok


def test_no_two_requests_are_the_same_delivery_or_the_same_push() -> None:
    made = requests(3, "127.0.0.1:1", Pushes())
    assert len({one.partition(b"X-GitHub-Delivery: ")[2][:36] for one in made}) == 3
    bodies = [one.partition(b"\r\n\r\n")[2] for one in made]
    assert len({json.loads(body)["after"] for body in bodies}) == 3
    assert all(len(one) == len(other) for one, other in pairwise(made))


def test_an_unknown_bench_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ingest.nobody"])
    assert ended.value.code == 2
    assert "ingest.nobody" in capsys.readouterr().err
    assert "ingest.octokit" in BENCHES


def test_deliveries_against_bare_aiohttp() -> None:
    (line,) = ingest.p99()
    assert line.peer and line.peer.value > 0 and line.ours > 0


def test_switching_drops_nothing() -> None:
    needs_caddy()
    (line,) = switching.switch()
    assert line.ours == 0, line.more
    assert line.ok and line.runs >= 200


def test_the_terminal_ui_paints() -> None:
    (line,) = faces.attach()
    assert line.ours > 0


def test_large_stores() -> None:
    assert {line.name for line in stores.million()} >= {"store.million.decision", "store.million.verdicts"}
