"""Watch paths match as an owner who writes globs expects."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoscale_box.core.errors import Invalid
from nanoscale_box.core.watch import MAX_LENGTH, MAX_PATTERNS, check_patterns, touches


@pytest.mark.parametrize(
    ("patterns", "changed", "watched"),
    [
        ([], {"docs/a.md"}, True),
        (["src/**"], {"docs/a.md"}, False),
        (["src/**"], {"docs/a.md", "src/deep/a.py"}, True),
        (["src/"], {"src/deep/a.py"}, True),
        (["src/*"], {"src/deep/a.py"}, False),
        (["*.py"], {"a.py"}, True),
        (["*.py"], {"src/a.py"}, False),
        (["**/*.py"], {"a.py"}, True),
        (["**/*.py"], {"src/deep/a.py"}, True),
        (["**/a.py"], {"a.py"}, True),
        (["**/a.py"], {"src/deep/a.py"}, True),
        (["**/a.py"], {"src/ba.py"}, False),
        (["**/a.py"], {"ba.py"}, False),
        (["src/**/a.py"], {"src/a.py"}, True),
        (["src/**/a.py"], {"src/deep/er/a.py"}, True),
        (["src/**/a.py"], {"src/deep/ba.py"}, False),
        (["src/**/a.py"], {"srca.py"}, False),
        (["?*"], {"a"}, True),
        (["?**/b"], {"ab"}, True),
        (["a?c"], {"abc"}, True),
        (["a?c"], {"a/c"}, False),
        (["!docs/**"], {"docs/a.md"}, False),
        (["!docs/**"], {"docs/a.md", "app.py"}, True),
        (["**", "!docs/**", "docs/api.md"], {"docs/api.md"}, True),
        (["**", "!docs/**", "docs/api.md"], {"docs/other.md"}, False),
        (["日本/*"], {"日本/a"}, True),
        (["a.py"], {"abpy"}, False),
        (["a[b]"], {"a[b]"}, True),
    ],
)
def test_a_change_is_watched(patterns: list[str], changed: set[str], watched: bool) -> None:
    assert touches(check_patterns(patterns), frozenset(changed)) is watched


def test_an_unknown_change_is_watched() -> None:
    assert touches(["src/**"], None)


def test_no_change_at_all_is_not_watched() -> None:
    assert not touches(["src/**"], frozenset())


@pytest.mark.parametrize("pattern", ["", "!", "/abs", "../up", "a/../b", "a\nb", "x" * 201])
def test_a_pattern_that_cannot_be_meant_is_refused(pattern: str) -> None:
    with pytest.raises(Invalid):
        check_patterns([pattern])


def test_there_may_be_so_many_patterns_and_no_more() -> None:
    assert len(check_patterns(["a"] * MAX_PATTERNS)) == MAX_PATTERNS
    with pytest.raises(Invalid, match=str(MAX_PATTERNS)):
        check_patterns(["a"] * (MAX_PATTERNS + 1))


@given(st.text(max_size=60), st.frozensets(st.text(max_size=40), max_size=5))
def test_nothing_but_a_refusal_comes_of_any_pattern(pattern: str, changed: frozenset[str]) -> None:
    try:
        patterns = check_patterns([pattern])
    except Invalid:
        return
    assert touches(patterns, changed) is any(touches(patterns, {one}) for one in changed)


def test_many_stars_stay_quick() -> None:
    pattern = check_patterns(["*a" * (MAX_LENGTH // 2)])
    assert not touches(pattern, frozenset({"a" * 200 + "b"}))  # by trying all ways it would not end in this life
