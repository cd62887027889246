"""Bearer tokens: written once, recognised by their digest, ordered by what they allow."""

from __future__ import annotations

import itertools

import pytest

from nanoscale_box.core.text import redact
from nanoscale_box.core.tokens import TOKEN_BYTES, Scope, token_digest, write_token


def test_a_token_is_found_by_its_digest_and_masked_wherever_it_stands() -> None:
    text = write_token(bytes(range(TOKEN_BYTES)))
    assert token_digest(text.reveal()) == token_digest(text.reveal()) != token_digest(write_token(b"\1" * 32).reveal())
    assert redact(f"curl -H {text.reveal()} end") == "curl -H **** end"


@pytest.mark.parametrize("wrong", ["", "nsb_", "nsb_short", f"ghs_{'a' * 43}", f"nsb_{'é' * 43}", f"nsb_{'a' * 44}"])
def test_what_cannot_be_a_token_has_no_digest(wrong: str) -> None:
    assert token_digest(wrong) is None


def test_each_right_includes_those_before_it() -> None:
    allowed = {(one, needed) for one, needed in itertools.product(Scope, Scope) if one.includes(needed)}
    assert allowed == {
        (Scope.READ, Scope.READ),
        (Scope.DEPLOY, Scope.READ),
        (Scope.DEPLOY, Scope.DEPLOY),
        *((Scope.ADMIN, needed) for needed in Scope),
    }
