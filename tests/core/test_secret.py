"""A secret does not print, whatever is tried."""

from __future__ import annotations

import copy
import hmac
import logging
import pickle
from dataclasses import replace

import pytest

from nanoscale_box.core.model import EnvVar
from nanoscale_box.core.secret import Secret

TEXT = "hunter2-hunter2"


def test_every_way_of_printing_gives_the_mask() -> None:
    secret = Secret(TEXT)
    shown = [str(secret), repr(secret), f"{secret}", f"{secret!r}", "%s %r" % (secret, secret)]  # noqa: UP031
    shown += [repr([secret]), repr({secret: 1}), repr(EnvVar(key="A", value=secret)), str(ValueError(secret))]
    assert all(TEXT not in text and "****" in text for text in shown)
    assert secret.reveal() == TEXT


def test_a_log_record_holds_the_mask(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("value %s", Secret(TEXT))
    assert caplog.text.count("****") == 1 and TEXT not in caplog.text


def test_it_cannot_be_pickled_or_given_attributes() -> None:
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            attempt(Secret(TEXT))
    with pytest.raises(AttributeError):
        Secret(TEXT).other = 1  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        vars(Secret(TEXT))


def test_secrets_are_equal_by_their_text_and_to_nothing_else() -> None:
    assert Secret(TEXT) == Secret(TEXT) != Secret("x")
    assert Secret(TEXT) != TEXT
    assert len({Secret(TEXT), Secret(TEXT), Secret("x")}) == 2
    assert hash(Secret(TEXT)) != hash(TEXT)


def test_an_empty_secret_is_no_secret() -> None:
    assert not Secret("") and Secret(" ")


def test_a_failed_comparison_of_what_holds_secrets_shows_none() -> None:
    one = EnvVar(key="A", value=Secret(TEXT))
    assert TEXT not in repr((one, replace(one, value=Secret("x"))))


@pytest.mark.parametrize("text", [TEXT, "\u00fcber", "x" * 200])
def test_what_it_signs_is_signed_as_the_standard_says(text: str) -> None:
    secret = Secret(text)
    for message in (b"", b"a delivery", b"x" * 10_000, b"a delivery"):
        assert secret.hmac_sha256(message) == hmac.digest(text.encode(), message, "sha256")
