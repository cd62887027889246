"""Untrusted text cannot act, and secrets do not show."""

from __future__ import annotations

import base64
import json
import re
import time
import unicodedata
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoscale_box.core.secret import Secret
from nanoscale_box.core.text import MASK, Redactor, StreamRedactor, inert, redact

TOKEN = "ghs_" + "A1b2C3d4" * 5
LONG_TOKEN = "ghs_" + ".".join(["x-Y_z9" * 28] * 3)
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxMjM0NSJ9.c2lnbmF0dXJl-_x"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nabcdEFGH\n-----END RSA PRIVATE KEY-----"
VISIBLE_FORMAT = re.compile("[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]")
"""Format characters of Unicode that have a visible shape and belong to their scripts."""


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("日本 éü 🎉", "日本 éü 🎉"),
        ("[/foo] feat[/] [@click=app.quit]x[/]", "[/foo] feat[/] [@click=app.quit]x[/]"),
        ("\x1b[2Jx", "x"),
        ("\x1b[31;1mred\x1b[0m", "red"),
        ("\x9b2Jx", "x"),
        ("a\x1b]52;c;ZXZpbA==\x07b", "ab"),
        ("a\x1b]52;c;ZXZpbA==\x1b\\b", "ab"),
        ("a\x9d52;c;ZXZpbA==\x9cb", "ab"),
        ("a\x1b]52;c;ZXZpbA==", "a"),
        ("a\x1b]0;t\nb", "a b"),
        ("a\x1bP1$qm\x1b\\b\x1b_x\x1b\\c\x1b^y\x1b\\d\x1bXz\x1b\\e", "abcde"),
        ("a\x1bcb\x1b(Bc\x1b", "abc"),
        ("a\x1b[12", "a"),
        ("a\rb\nc\td\r\n", "a b c d"),
        ("ok\n2026-01-01 level=error forged", "ok 2026-01-01 level=error forged"),
        ("nul\x00 bel\x07 del\x7f c1\x85", "nul␀ bel␇ del␡ c1\ufffd"),
        ("user\u202egnp.exe\u202c \u2066x\u2069", "usergnp.exe x"),
        ("a\u200bb\ufeffc\u2028d\u2029e\u00adf", "abc d ef"),
        ("tag\U000e0041\U000e007f", "tag"),
        ("\ud800x\udfff", "\ufffdx\ufffd"),
        ("", ""),
    ],
)
def test_inert_leaves_nothing_to_act_on(raw: str, shown: str) -> None:
    assert inert(raw) == shown


def test_inert_keeps_lines_when_asked() -> None:
    assert inert("a\tb\r\nc\rd\n\x1b[1me\x00", lines=True) == "a\tb\nc\nd\ne␀"


@pytest.mark.parametrize(("limit", "shown"), [(0, ""), (1, "…"), (3, "ab…"), (5, "abcde"), (9, "abcde")])
def test_inert_cuts_to_the_limit(limit: int, shown: str) -> None:
    assert inert("abcde", limit=limit) == shown


@given(
    st.text(st.characters()) | st.text("\x1b[]P\x07\\\x9b\x9c\x9d0;mJ\r\n\t ab\u202e\u200d"),
    st.integers(0, 40),
    st.booleans(),
)
def test_inert_is_inert(raw: str, limit: int, lines: bool) -> None:
    shown = inert(raw, limit=limit, lines=lines)
    assert len(shown) <= limit
    allowed = "\n\t" if lines else ""
    for character in VISIBLE_FORMAT.sub("", shown):
        assert character in allowed or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    shown.encode()
    assert inert(shown, limit=limit, lines=lines) == shown


def test_no_format_character_is_forgotten() -> None:
    left = [
        c
        for c in map(chr, range(0x110000))
        if inert(c) == c and unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    ]
    assert [c for c in left if not VISIBLE_FORMAT.fullmatch(c)] == []


@pytest.mark.parametrize(
    ("raw", "masked"),
    [
        (f"token {TOKEN} end", "token **** end"),
        (f"x{LONG_TOKEN}", "x****"),
        *((f"gh{kind}_0123456789abcdefABCD", MASK) for kind in "opsru"),
        ("github_pat_11ABCDEFG0123456789_abcdef", MASK),
        (f"jwt={JWT};", "jwt=****;"),
        (f"a {PEM} b", "a **** b"),
        (PEM.replace("\n", "\\n"), MASK),
        ("x -----BEGIN PRIVATE KEY-----\nMIIE", "x ****"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\nafter", "****\nafter"),
        ("https://user:p4ss@github.com/a/b", "https://****@github.com/a/b"),
        (f"https://x-access-token:{TOKEN}@github.com/a", "https://****@github.com/a"),
        ("https://tok@h/a https://u:p@x@h/b", "https://****@h/a https://****@h/b"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: ****"),
        ("AUTHORIZATION:bearer abc\nnext", "AUTHORIZATION:****\nnext"),
        ('{"authorization": "token abc", "a": 1}', '{"authorization": "****", "a": 1}'),
        ("curl -H 'Authorization: token abc' x", "curl -H 'Authorization: ****' x"),
        ("using Bearer 0123456789abcdef", "using Bearer ****"),
        ("mail me@example.org, 3:4@5, ghs_short, eyJ.eyJ", "mail me@example.org, 3:4@5, ghs_short, eyJ.eyJ"),
        ("https://github.com/a/b?x=1", "https://github.com/a/b?x=1"),
        ("-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----"),
    ],
)
def test_redact_masks_what_looks_like_a_credential(raw: str, masked: str) -> None:
    assert redact(raw) == masked


SECRET = 'p&ss "wörd"/1'


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        quote(SECRET, safe=""),
        json.dumps(SECRET)[1:-1],
        base64.b64encode(SECRET.encode()).decode(),
    ],
)
def test_redactor_masks_a_secret_in_every_spelling(spelled: str) -> None:
    shown = Redactor([Secret(SECRET)])(f"<{spelled}>")
    assert MASK in shown and spelled not in shown


@pytest.mark.parametrize("user", ["u", "us", "use", "user", "x-access-token"])
def test_redactor_masks_a_secret_inside_basic_credentials(user: str) -> None:
    encoded = base64.b64encode(f"{user}:{SECRET}".encode()).decode()
    shown = Redactor([Secret(SECRET)])(f"sent {encoded}")
    assert MASK in shown and base64.b64encode(SECRET.encode()).decode()[4:12] not in shown and len(shown) < len(encoded)


def test_redactor_masks_the_longest_first_and_leaves_short_values() -> None:
    redactor = Redactor([Secret("secret"), Secret("secret-longer"), Secret("yes"), Secret("")])
    assert redactor("a secret-longer yes secret b") == "a **** yes **** b"
    assert Redactor([])(f"plain {TOKEN}") == "plain ****"


def test_redactor_masks_the_lines_of_a_secret_that_has_lines() -> None:
    redactor = Redactor([Secret("first line of it\nsecond line of it\nx")])
    assert [redactor(line) for line in ("> first line of it", "second line of it", "x")] == ["> ****", MASK, "x"]


def test_a_stream_masks_a_key_across_lines() -> None:
    stream = Redactor([Secret("hunter2")]).stream()
    lines = ["before hunter2", *PEM.splitlines(), "after"]
    assert [stream.feed(line) for line in lines] == ["before ****", MASK, MASK, MASK, MASK, "after"]


def test_a_stream_goes_on_after_the_key_on_one_line_and_after_text_behind_its_end() -> None:
    stream = StreamRedactor()
    assert stream.feed(PEM.replace("\n", " ") + " ok") == "**** ok"
    assert stream.feed("k: -----BEGIN PRIVATE KEY-----MII") == "k: ****"
    assert stream.feed(f"MII-----END PRIVATE KEY----- then {TOKEN}") == "**** then ****"
    assert stream.feed("clear") == "clear"


def test_a_lone_begin_does_not_blind_a_stream_for_good() -> None:
    stream = StreamRedactor()
    assert stream.feed("-----BEGIN PRIVATE KEY-----") == MASK
    shown = [stream.feed(f"line {number}") for number in range(300)]
    assert shown[:256] == [MASK] * 256
    assert shown[256:] == [f"line {number}" for number in range(256, 300)]


HOSTILE: list[str] = [
    "a", "\x1b", "\x1b[", "\x1b]", "\x1b[1;", "\x00", "eyJ", "eyJabcde.", "eyJ" + "a" * 40 + ".", "ghs_", "://",
    "://a:b", "http://",
    "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "-----END ", "-----END PRIVATE KEY", "authorization ",
    "authorization:", "bearer ", "@",
    "a.", "\u202e", "-",
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize(
    "work", [redact, Redactor([Secret("a" * 30), Secret("b" * 8)]), lambda text: inert(text, limit=len(text))]
)
def test_hostile_lines_take_time_in_proportion(unit: str, work: Callable[[str], str]) -> None:
    def fastest(size: int) -> float:
        text = unit * (size // len(unit))
        times = []
        for _ in range(3):
            began = time.thread_time()
            work(text)
            times.append(time.thread_time() - began)
        return min(times)

    # Four times the text: 4 times the time when linear, 16 times when quadratic (and then far over the floor).
    assert fastest(400_000) < max(10 * fastest(100_000), 0.3)
