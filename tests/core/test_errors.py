"""Errors: a code for machines, a sentence for people, whose fault, may we retry."""

from __future__ import annotations

import re

import pytest

from nanoscale_box.core import errors
from nanoscale_box.core.errors import BoxError, Code, Fault

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BoxError)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_carries_code_sentence_and_hint(kind: type[BoxError]) -> None:
    error = kind(Code.DISK_FULL, "the disk is full", hint="free some space", fault=Fault.BOX, retry_after=3.0)
    assert (error.code, error.detail, error.hint, error.fault) == (
        Code.DISK_FULL,
        "the disk is full",
        "free some space",
        Fault.BOX,
    )
    assert error.retry_after == 3.0 and str(error) == "the disk is full"
    plain = kind(Code.INVALID, "no")
    assert (plain.hint, plain.fault, plain.retry_after) == ("", Fault.OWNER, None)


@pytest.mark.parametrize("fault", Fault)
def test_only_what_the_owner_must_mend_is_not_tried_again(fault: Fault) -> None:
    assert BoxError(Code.INTERNAL, "x", fault=fault).may_retry is (fault is not Fault.OWNER)


def test_the_tree_is_one_level_deep() -> None:
    assert {kind.__base__ for kind in KINDS} == {Exception, BoxError}


def test_codes_are_words_and_none_stands_twice() -> None:
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code.value) and code.name == code.value.upper() for code in Code)
    assert len(Code.__members__) == len(set(Code))
