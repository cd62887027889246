"""The rules for names and links, which need no server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoscale_box.adapters.git_names import link_flaw, name_flaw, shown

REFUSED = [
    b"",
    b".",
    b"..",
    b"/",
    b"/etc",
    b"a/b",
    b"../x",
    b"a\0b",
    b"n" * 256,
    b".git",
    b".GIT",
    b".Git",
    b"git~1",
    b"GIT~1",
    b".git ",
    b".git.",
    b".git. .",
    b"git~1 .",
    b".git::$INDEX_ALLOCATION",
    b".git:x",
    b".git\\config",
    b"x\\.git\\y",
    ".g\u200cit".encode(),
    "\ufeff.git".encode(),
    ".git\u206f".encode(),
]
FINE = [
    b"a",
    b"A",
    b".gitignore",
    b".gitx",
    b"git",
    b"git~2",
    b"x.git",
    b"...",
    b"\xff\xfe",
    b"n" * 255,
    b"a\nb",
    b"\\",
]


@pytest.mark.parametrize("name", REFUSED)
def test_refused_names(name: bytes) -> None:
    assert name_flaw(name) is not None


@pytest.mark.parametrize("name", FINE)
def test_fine_names(name: bytes) -> None:
    assert name_flaw(name) is None


@pytest.mark.parametrize(
    "links",
    [
        {b"l": b"/etc/passwd"},
        {b"l": b"/proc/self/environ"},
        {b"l": b".."},
        {b"l": b"../x"},
        {b"l": b"sub/../.."},
        {b"sub/l": b"../../x"},
        {b"l": b""},
        {b"l": b"a\0b"},
        {b"l": b"x" * 5000},
        {b"l": b"a/../../..", b"a": b"sub/deep"},
        {b"l": b"two", b"two": b"three", b"three": b"../out"},
        {b"l": b"two/x", b"two": b"/etc"},
        {b"l": b"l"},
        {b"l": b"pong", b"pong": b"l"},
        {b"l": b"b/x", b"b": b"l/y"},
        {b"sub/l": b"up/../../x", b"sub/up": b"."},
    ],
)
def test_refused_links(links: dict[bytes, bytes]) -> None:
    assert link_flaw(next(iter(links)), links) is not None


@pytest.mark.parametrize(
    "links",
    [
        {b"l": b"file"},
        {b"l": b"."},
        {b"l": b"./a//b/"},
        {b"l": b"not/there"},
        {b"sub/l": b".."},
        {b"sub/l": b"../other/x"},
        {b"l": b"up/x", b"up": b"sub/.."},
        {b"l": b"a", b"a": b"b", b"b": b"c"},
    ],
)
def test_fine_links(links: dict[bytes, bytes]) -> None:
    assert link_flaw(next(iter(links)), links) is None


PARTS = st.sampled_from([b"a", b"b", b"c", b"..", b".", b""])
TARGETS = st.lists(PARTS, min_size=1, max_size=5).map(b"/".join).filter(lambda one: one not in {b"", b"/"})


@given(st.dictionaries(st.sampled_from([b"a", b"b", b"c", b"d/a", b"d/b"]), TARGETS, max_size=5))
def test_what_passes_stays_inside_for_the_kernel_too(
    tmp_path_factory: pytest.TempPathFactory, links: dict[bytes, bytes]
) -> None:
    root = os.path.realpath(os.fsencode(tmp_path_factory.mktemp("links")))
    os.mkdir(root + b"/d")
    for path, target in links.items():
        os.symlink(target, root + b"/" + path)
    for path in links:
        real = os.path.realpath(root + b"/" + path)
        if link_flaw(path, links) is None:
            assert real == root or real.startswith(root + b"/")


def test_a_path_in_a_sentence_is_inert() -> None:
    assert "\x1b" not in shown(b"\x1b[2J\xff\n" + b"x" * 1000)
    assert len(shown(b"x" * 1000)) <= 120
    assert Path(shown(b"a/b")) == Path("a/b")
