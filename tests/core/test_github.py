"""A push: what it says, and that no body is anything but a delivery or malformed."""

from __future__ import annotations

import hashlib
import json
from typing import Any, cast
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoscale_box.core.errors import Code, Invalid
from nanoscale_box.core.github import (
    Delivery,
    check_signature,
    parse_delivery,
    same_body,
    sign,
    skip_marker,
)
from nanoscale_box.core.secret import Secret
from tests.core.github_bodies import (
    AFTER,
    BEFORE,
    GUID,
    SECRET,
    ZERO,
    commit,
    headers_for,
    parse,
    push_body,
    refused,
)


def test_a_push_is_read() -> None:
    delivery = parse(push_body())
    push = delivery.push
    assert push is not None and delivery.change is None
    assert (delivery.delivery_id, delivery.event, delivery.action, delivery.hook_id, delivery.target_type) == (
        GUID,
        "push",
        None,
        292430182,
        "repository",
    )
    assert (delivery.repo_id, delivery.installation_id, delivery.body_mark) == (
        186853002,
        42,
        f"{SECRET.mark}:{'0' * 32}",
    )
    assert (push.ref, push.branch, push.before, push.after, push.deleted, push.forced) == (
        "refs/heads/main",
        "main",
        BEFORE,
        AFTER,
        False,
        False,
    )
    assert (push.subject, push.author, push.message) == ("Fix `it`; $(now)", "Ann", "Fix `it`; $(now)\n\nbody")
    assert push.changed == frozenset({"a.py", "docs/x.md", "b"})


def test_the_same_body_is_known_by_what_signed_it() -> None:
    def came(body: bytes, secret: Secret) -> Delivery:
        headers = headers_for(X_Hub_Signature_256=sign(secret, body))
        check_signature(headers, body, [secret])
        return parse_delivery(headers, body, secret)

    body, other = json.dumps(push_body()).encode(), json.dumps(push_body(forced=True)).encode()
    recorded, replaced = came(body, SECRET).body_mark, Secret("the next one")
    assert len({SECRET.mark, replaced.mark}) == 2 and SECRET.reveal() not in recorded
    assert same_body(recorded, came(body, SECRET)) is True
    assert same_body(recorded, came(other, SECRET)) is False
    assert same_body(recorded, came(body, replaced)) is None and same_body(recorded, came(other, replaced)) is None
    of_an_earlier_box = hashlib.sha256(body).hexdigest()
    assert same_body(of_an_earlier_box, came(body, replaced)) is True
    assert same_body(of_an_earlier_box, came(other, SECRET)) is False


def test_the_least_that_a_push_must_say() -> None:
    delivery = parse({"ref": "refs/tags/v1", "before": ZERO, "after": AFTER, "repository": {"id": 1}})
    assert delivery.push is not None and delivery.push.branch is None and delivery.installation_id is None
    assert (delivery.push.subject, delivery.push.author, delivery.push.message, delivery.push.changed) == (
        None,
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    "change",
    [{"forced": True}, {"created": True}, {"before": ZERO}, {"commits": []}, {"commits": None},
    {"commits": [commit("c" * 40)]}, {"commits": [{"id": AFTER}]},
     {"commits": [commit()] * 2048}, {"deleted": True, "after": ZERO, "head_commit": None}],
)  # fmt: skip
def test_changed_paths_are_unknown_when_github_did_not_tell_all(change: dict[str, Any]) -> None:
    push = parse(push_body(**change)).push
    assert push is not None and push.changed is None


def test_a_deletion_is_known_by_its_flag_or_its_zeros() -> None:
    for change in ({"deleted": True}, {"after": ZERO}):
        push = parse(push_body(**change, head_commit=None)).push
        assert push is not None and push.deleted and push.subject is None


def test_texts_of_a_push_are_inert() -> None:
    message = "\x1b]52;c;x\x07[/foo] \u202eevil\r\nforged\n[skip ci]"
    push = parse(push_body(head_commit={"message": message, "author": {"name": "A\nB\x1b[2J"}})).push
    assert push is not None
    assert (push.subject, push.author, push.message) == ("[/foo] evil", "A B", "[/foo] evil\nforged\n[skip ci]")
    assert skip_marker(push.message) == "[skip ci]"


def test_a_form_is_read_too() -> None:
    text = json.dumps(push_body(head_commit={"message": "a+b & c=d %41 日本"}), ensure_ascii=False)
    form = b"payload=" + quote_plus(text).encode()
    delivery = parse_delivery(headers_for(Content_Type="application/x-www-form-urlencoded"), form, SECRET)
    assert delivery.push is not None and delivery.push.subject == "a+b & c=d %41 日本"
    assert delivery.body == form
    assert same_body(hashlib.sha256(form).hexdigest(), delivery) is True


@pytest.mark.parametrize(
    "form",
    [b"", b"payload", b"payload=", b"payload=%ff", b"x=1", b"payload={}&payload={}", b"payload=%5B%5D", b"payload=%zz"],
)
def test_other_forms_are_malformed(form: bytes) -> None:
    with pytest.raises(Invalid) as error:
        parse_delivery(headers_for(Content_Type="application/x-www-form-urlencoded"), form, SECRET)
    assert error.value.code is Code.MALFORMED_DELIVERY


TEXT = json.dumps(push_body(), separators=(",", ":"))
HOSTILE_TEXTS = [
    "", "[]", '"x"', "null", "1", "{}", "{", "[" * 200_000, '{"x":' + "[" * 200_000, '{"x":' * 200_000, TEXT + "x",
    TEXT[:-1],
    *(TEXT.replace("186853002", number) for number in ("9" * 5000, "NaN", "1e999", "Infinity", "true", str(2**63), "0",
    "-1", "1.0", "null", '"1"', "[]", "{}")),
    TEXT.replace('"id":42', '"id":true'), TEXT.replace('"id":42', '"id":' + "9" * 5000),
    *(TEXT.replace("refs/heads/main", ref) for ref in (r"\ud800", r"refs/heads/\ud800", r"refs/heads/\u0000",
    r"refs/heads/a\n", r"refs/heads/a\u200bb", "main", "",
                                                       "refs/", "refs/heads/a b", "refs/heads/" + "a" * 2000,
                                                       "refs/heads/a^")),
    *(TEXT.replace(BEFORE, sha) for sha in ("", "x" * 40, "a" * 39, "a" * 41, "A" * 40, "a" * 40 + r"\n")),
    TEXT.replace('"ref":', '"ref":"refs/heads/x","ref":'), TEXT.replace('"ref":', r'"\u0072ef":"refs/heads/x","ref":'),
    TEXT.replace('"id":186853002', '"id":1,"id":186853002'),
    TEXT.replace('"id":42', '"id":1,"id":42'), TEXT.replace('"id":186853002', r'"\u0069d":1,"id":186853002'),
    TEXT.replace('"ref":', '"repository":{"id":1},"ref":'),
    TEXT.replace('"p"', "NaN"), TEXT.replace('"p"', r'"\ud800"'), TEXT.replace('"p"', '"\x00"'), TEXT.replace('"p"',
    '"\n"'),
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=range(len(HOSTILE_TEXTS)))
def test_hostile_json_is_malformed_and_nothing_else(text: str) -> None:
    assert refused(text.encode()).code is Code.MALFORMED_DELIVERY


def test_bytes_that_are_no_utf8_are_malformed() -> None:
    for body in (
        TEXT.encode().replace(b"main", b"\xff"),
        b"\xff\xfe",
        TEXT.encode("utf-16"),
        b"\xef\xbb\xbf" + TEXT.encode(),
    ):
        assert refused(body).code is Code.MALFORMED_DELIVERY


@pytest.mark.parametrize("field", ["ref", "before", "after", "repository"])
def test_each_required_field_of_a_push(field: str) -> None:
    for wrong in cast(tuple[object, ...], (None, [], {}, 1, True)):
        assert refused(push_body(**{field: wrong})).code is Code.MALFORMED_DELIVERY
    without = push_body()
    del without[field]
    assert refused(without).code is Code.MALFORMED_DELIVERY


@pytest.mark.parametrize("field", ["deleted", "forced", "created", "head_commit", "commits", "installation"])
def test_each_other_field_of_a_push_has_its_type(field: str) -> None:
    for wrong in ("x", 1, [1]):
        assert refused(push_body(**{field: wrong})).code is Code.MALFORMED_DELIVERY


def test_words_that_look_like_keys_are_no_repeated_keys() -> None:
    assert parse(push_body(x=["ref", "ref", {"ref": 1}, '"id":'], pusher={"name": "before \u0001"})).push is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
EVENTS = [
    "push",
    "installation",
    "installation_repositories",
    "repository",
    "github_app_authorization",
    "ping",
    "meta",
    "star",
]


@given(
    st.binary()
    | st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))
    | JSON.map(lambda value: json.dumps(value).encode()),
    st.sampled_from(EVENTS),
)
def test_any_body_is_a_delivery_or_malformed(body: bytes, event: str) -> None:
    try:
        assert parse(body, event).event == event
    except Invalid as error:
        assert error.code is Code.MALFORMED_DELIVERY


@given(st.sampled_from(sorted(push_body())), JSON)
def test_any_value_in_any_field_is_a_delivery_or_malformed(field: str, value: object) -> None:
    try:
        parse(push_body(**{field: value}))
    except Invalid as error:
        assert error.code is Code.MALFORMED_DELIVERY


@pytest.mark.parametrize(
    ("message", "marker"),
    [("fix [skip ci]", "[skip ci]"), ("a\n\n[CI Skip]", "[ci skip]"), ("[no ci] x", "[no ci]"), ("[skip deploy]",
    "[skip deploy]"), ("[skip actions]", "[skip actions]"),
     ("[actions skip]", "[actions skip]"), ("skip ci", None), ("[skip  ci]", None), ("", None), (None, None)],
)  # fmt: skip
def test_marks_that_say_not_to_deploy(message: str | None, marker: str | None) -> None:
    assert skip_marker(message) == marker


def test_a_push_of_more_than_fifteen_megabytes_is_read() -> None:
    commits = [
        commit(f"{number:040x}", modified=[f"src/{number}/{i}.py" for i in range(600)]) for number in range(1500)
    ]
    body = json.dumps(push_body(commits=[*commits, commit()])).encode()
    push = parse(body).push
    assert len(body) > 15_000_000 and push is not None and push.changed is not None
    assert len(push.changed) == 600 * 1500
