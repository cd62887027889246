"""The outside of a delivery: what verifies, and what is refused as what."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoscale_box.core.errors import BoxError, Code, Invalid, Unauthorized
from nanoscale_box.core.github import (
    check_signature,
    content_kind,
    parse_delivery,
    read_headers,
    sign,
)
from nanoscale_box.core.secret import Secret
from tests.core.github_bodies import (
    GUID,
    SECRET,
    headers_for,
    pairs,
    push_body,
)


def test_githubs_own_signature_vector() -> None:
    # https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation
    secret, body = Secret("It's a Secret to Everybody"), b"Hello, World!"
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert sign(secret, body) == signature
    check_signature(headers_for(X_Hub_Signature_256=signature), body, [secret])


@pytest.mark.parametrize("body", ['{"a":"日本 \\/ $(id) `x`; ü"}'.encode(), b"", b"\x00\xff", b"x" * 24_900_000])
def test_a_right_signature_verifies_with_any_of_the_secrets(body: bytes) -> None:
    headers = headers_for(X_Hub_Signature_256=sign(SECRET, body))
    assert check_signature(headers, body, [Secret("other"), SECRET]) is SECRET
    for secrets in ([], [Secret("")], [Secret("other")]):
        with pytest.raises(Unauthorized):
            check_signature(headers, body, secrets)
    with pytest.raises(Unauthorized):
        check_signature(headers, body + b" ", [SECRET])


def test_an_empty_secret_never_verifies_even_its_own_signature() -> None:
    with pytest.raises(Unauthorized):
        check_signature(headers_for(X_Hub_Signature_256=sign(Secret(""), b"x")), b"x", [Secret("")])


GOOD = "sha256=" + "0" * 64


@pytest.mark.parametrize(
    "signature",
    [None, "", "sha1=" + "0" * 40, "sha256=" + "0" * 63, "sha256=" + "0" * 65, "0" * 64, "sha256=" + "é" * 64,
    GOOD + ",", GOOD + "\n", " " + GOOD,
     "SHA256=" + "0" * 64, "sha256=" + "A" * 64, "sha256=" + "٣" * 64, "sha256=" + "\udcff" * 64],
)  # fmt: skip
def test_a_malformed_signature_is_unauthorized(signature: str | None) -> None:
    for event in ("push", None):
        with pytest.raises(Unauthorized) as error:
            read_headers(pairs(X_Hub_Signature_256=signature, X_GitHub_Event=event))
        assert error.value.code is Code.BAD_SIGNATURE


@pytest.mark.parametrize("second", [GOOD, "sha256=" + "1" * 64, ""])
def test_two_signatures_are_unauthorized(second: str) -> None:
    for both in ([*pairs(), ("x-hub-signature-256", second)], [("X-HUB-SIGNATURE-256", second), *pairs()]):
        with pytest.raises(Unauthorized):
            read_headers(both)


@pytest.mark.parametrize(
    "raw",
    [pairs(X_GitHub_Event=None), pairs(X_GitHub_Event="Push"), pairs(X_GitHub_Event="push\n"),
    pairs(X_GitHub_Event=""), pairs(X_GitHub_Delivery=None),
     pairs(X_GitHub_Delivery="../x"), pairs(X_GitHub_Delivery=GUID + "0"), pairs(X_GitHub_Hook_ID="-1"),
     pairs(X_GitHub_Hook_ID="9" * 5000),
     pairs(X_GitHub_Hook_ID="x"), pairs(X_GitHub_Hook_Installation_Target_Type="<b>"), [*pairs(), ("x-github-event",
     "push")], [*pairs(), ("X-GitHub-Delivery", GUID)]],
)  # fmt: skip
def test_other_flaws_of_headers_come_after_the_signature(raw: list[tuple[str, str]]) -> None:
    headers = read_headers(raw)
    with pytest.raises(Unauthorized):
        check_signature(headers, b"{}", [SECRET])
    with pytest.raises(Invalid) as error:
        parse_delivery(headers, json.dumps(push_body()).encode(), SECRET)
    assert error.value.code is Code.NOT_A_DELIVERY


def test_headers_are_read_whatever_their_case() -> None:
    headers = read_headers([(name.upper(), value) for name, value in pairs(X_GitHub_Delivery=GUID.upper())])
    assert (headers.event, headers.delivery_id, headers.hook_id, headers.target_type) == (
        "push",
        GUID,
        292430182,
        "repository",
    )
    bare = headers_for(X_GitHub_Hook_ID=None, X_GitHub_Hook_Installation_Target_Type=None)
    assert (bare.hook_id, bare.target_type, bare.flaw) == (None, None, None)


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("application/json", "json"),
        ("Application/JSON; charset=utf-8", "json"),
        ("application/x-www-form-urlencoded", "form"),
    ],
)
def test_two_content_types_are_read(content_type: str, kind: str) -> None:
    assert content_kind(pairs(Content_Type=content_type)) == kind
    assert content_kind(headers_for(Content_Type=content_type)) == kind


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/jsonx", "multipart/form-data; boundary=application/json"]
)
def test_other_content_types_are_refused_before_the_signature(content_type: str | None) -> None:
    for raw in (
        pairs(Content_Type=content_type, X_Hub_Signature_256=None),
        [*pairs(), ("content-type", "application/json")],
    ):
        with pytest.raises(Invalid) as error:
            content_kind(raw)
        assert error.value.code is Code.UNSUPPORTED_MEDIA_TYPE


@given(st.lists(st.tuples(st.sampled_from([name for name, _ in pairs()]) | st.text(), st.text() | st.just(GOOD))))
def test_any_headers_are_read_or_refused(raw: list[tuple[str, str]]) -> None:
    try:
        parse_delivery(read_headers(raw), b"{}", SECRET)
    except BoxError as error:
        assert error.code in {Code.BAD_SIGNATURE, Code.NOT_A_DELIVERY, Code.UNSUPPORTED_MEDIA_TYPE}
