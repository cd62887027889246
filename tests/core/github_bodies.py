"""Deliveries as GitHub writes them, to be bent by tests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nanoscale_box.core.errors import Invalid
from nanoscale_box.core.github import (
    Delivery,
    Headers,
    parse_delivery,
    read_headers,
)
from nanoscale_box.core.secret import Secret

SECRET = Secret("s3cret")
GUID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
BEFORE, AFTER, ZERO = "a" * 40, "b" * 40, "0" * 40


def commit(sha: str = AFTER, **paths: list[str]) -> dict[str, Any]:
    return {"id": sha, "added": [], "removed": [], "modified": [], **paths}


def push_body(**changes: object) -> dict[str, Any]:
    return {
        "ref": "refs/heads/main",
        "before": BEFORE,
        "after": AFTER,
        "repository": {"id": 186853002, "node_id": "R_x", "full_name": "o/r", "owner": {"login": "o", "id": 7}},
        "pusher": {"name": "p", "email": None},
        "installation": {"id": 42, "node_id": "x"},
        "created": False,
        "deleted": False,
        "forced": False,
        "commits": [commit(added=["a.py"]), commit(modified=["docs/x.md"], removed=["b"])],
        "head_commit": {
            "id": AFTER,
            "message": "Fix `it`; $(now)\n\nbody",
            "author": {"name": "Ann", "username": "ann"},
        },
        **changes,
    }


def pairs(event: str = "push", **changes: str | None) -> list[tuple[str, str]]:
    headers: dict[str, str | None] = {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": GUID,
        "X-Hub-Signature-256": "sha256=" + "0" * 64,
        "X-GitHub-Hook-ID": "292430182",
        "X-GitHub-Hook-Installation-Target-Type": "repository",
        "Content-Type": "application/json",
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    return [(name, value) for name, value in headers.items() if value is not None]


def headers_for(event: str = "push", **changes: str | None) -> Headers:
    return read_headers(pairs(event, **changes))


def parse(body: object, event: str = "push") -> Delivery:
    return parse_delivery(headers_for(event), body if isinstance(body, bytes) else json.dumps(body).encode(), SECRET)


def refused(body: object, event: str = "push") -> Invalid:
    with pytest.raises(Invalid) as error:
        parse(body, event)
    assert len(error.value.detail) < 400 and error.value.detail.isprintable()
    return error.value
