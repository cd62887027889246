"""A commit's words are read whatever the commit holds."""

from __future__ import annotations

from nanoscale_box.adapters.git_commit import CommitWords, commit_words

HEAD = b"tree " + b"a" * 40 + b"\nauthor Ada Lovelace <ada@example.org> 1 +0000\ncommitter Eve <e> 1 +0000\n"


def test_the_first_line_and_the_author_are_given() -> None:
    assert commit_words(HEAD + b"\nSay hello\n\nauthor Eve <e>\n") == CommitWords(
        subject="Say hello", author="Ada Lovelace"
    )


def test_a_commit_without_words_has_none() -> None:
    assert commit_words(b"tree " + b"a" * 40 + b"\n") == CommitWords()


def test_hostile_words_are_inert_and_short() -> None:
    words = commit_words(HEAD.replace(b"Ada", b"\x1b[2JA") + b"\n\xff[/foo]\x9b" + b"x" * 100_000)
    assert words.author is not None
    assert "\x1b" not in words.author
    assert words.subject is not None
    assert len(words.subject) <= 200
    assert words.subject.isprintable()
