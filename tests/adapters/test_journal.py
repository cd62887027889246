"""The log: a record a line, nothing secret or private in any, whoever writes it and however it is put."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from nanoscale_box.adapters.journal import open_journal
from nanoscale_box.adapters.private import PrivateNames

TOKEN = "ghs_" + "a1" * 20


class Thing:
    """Something that becomes text only when it is written."""

    def __str__(self) -> str:
        return f"thing of ada/secret-app with {TOKEN}\x1b[2J"


@pytest.fixture
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("as_json", [False, True])
def test_no_call_gets_around_the_cleaning(as_json: bool) -> None:
    private, stream = PrivateNames(), io.StringIO()
    private.learn(["ada/secret-app", "ada/secret"])
    open_journal(stream=stream, as_json=as_json, private=private)
    log = structlog.stdlib.get_logger("a")
    log.info(
        "cloned https://github.com/Ada/Secret-App.git", token=TOKEN, thing=Thing(), lines="a\nlevel=error x=1", n=3
    )
    log.bind(delivery_id="d1").warning("x", nested={"url": "https://x:hidden@h/ada/secret"})
    logging.getLogger("foreign").error("%s said %s", Thing(), TOKEN)
    log.error("broke", exc_info=RuntimeError(f"{TOKEN} in ada/secret-app"))
    told = stream.getvalue()
    lines = told.splitlines()
    assert len(lines) == 4
    for hidden in (TOKEN, "secret-app", "Secret-App", "ada/secret", ":hidden@", "\x1b"):
        assert hidden not in told
    assert told.count("(private repository)") >= 4 and "delivery_id" in lines[1]
    if as_json:
        assert [json.loads(line)["level"] for line in lines] == ["info", "warning", "error", "error"]
        assert json.loads(lines[0])["n"] == 3


def test_only_what_was_learnt_last_is_private() -> None:
    private = PrivateNames()
    assert private("a/b") == "a/b"
    private.learn(["a/b"])
    private.learn(["c/d.e"])
    assert (private("a/b"), private("c/dxe"), private("see c/d.e/tree")) == (
        "a/b",
        "c/dxe",
        "see (private repository)/tree",
    )
