"""Which variables an app may have, and how .env files are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoscale_box.core.envvars import check_env, check_envs, parse_dotenv
from nanoscale_box.core.errors import Code, Invalid


@pytest.mark.parametrize(
    "key",
    [
        "A",
        "_x",
        "DATABASE_URL",
        "NODE_OPTIONS",
        "PYTHONPATH",
        "NODE_ENV",
        "http_proxy",
        "GITHUB_TOKEN",
        "PORTAL",
        "A" * 255,
    ],
)
def test_variables_that_work(key: str) -> None:
    check_env(key, "value\nof 日本 lines \x1b $(x)")


@pytest.mark.parametrize(
    "key",
    ["", "1A", "A=B", "A B", "A-B", "a.b", "é", "A\n", "A\x00", "A" * 256, "LD_PRELOAD", "LD_LIBRARY_PATH",
    "DYLD_INSERT_LIBRARIES", "PATH", "BASH_ENV", "ENV", "IFS", "GIT_SSH_COMMAND",
     "NANOSCALE_HOME", "PORT", "HOST", "DATA_DIR", "HOME", "PYTHONSTARTUP", "PYTHONHOME", "NOTIFY_SOCKET",
     "BASH_FUNC_x"],
)  # fmt: skip
def test_variables_that_are_refused(key: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_env(key, "hidden-value")
    assert refused.value.code is Code.INVALID_ENV
    assert "hidden-value" not in refused.value.detail and refused.value.detail.isprintable()


@pytest.mark.parametrize("value", ["a\x00b", "\ud800", "x" * (64 * 1024 + 1), "é" * (32 * 1024 + 1), "x" * 1_000_000])
def test_values_that_are_refused(value: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_env("A", value)
    assert len(refused.value.detail) < 200


@pytest.mark.parametrize("value", ["", "x" * 64 * 1024, "é" * 32 * 1024])
def test_values_that_are_just_small_enough(value: str) -> None:
    check_env("A", value)


def test_variables_are_counted_together_with_their_names() -> None:
    most = [(f"A{number}", "x" * (64 * 1024 - 4)) for number in range(8)]  # with `=` and a zero byte, as for execve
    check_envs(most)
    with pytest.raises(Invalid, match="together"):
        check_envs([*most[:-1], (most[-1][0], f"{most[-1][1]}x")])
    with pytest.raises(Invalid, match="together"):
        check_envs([("AB", "x" * (64 * 1024 - 4)), *most[1:], ("C", "")])
    with pytest.raises(Invalid, match="twice"):
        check_envs([("A", "1"), ("A", "2")])


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ("\ufeffA=1\r\nB=2\r\n", [("A", "1"), ("B", "2")]),
        ("# note\n\n export A = b c # tail\nB=#x\nC=a#b\nD=", [("A", "b c"), ("B", ""), ("C", "a#b"), ("D", "")]),
        ("A='$x \\n # no' # yes", [("A", "$x \\n # no")]),
        ('A="x\\ty\\"z\\\\ \\q $B"', [("A", 'x\ty"z\\ \\q $B')]),
        ('K="-----BEGIN\nmid\n-----END"\nB=1', [("K", "-----BEGIN\nmid\n-----END"), ("B", "1")]),
        ("A=b=c==", [("A", "b=c==")]),
        ('A="x \n y"', [("A", "x \n y")]),
        ('A=""', [("A", "")]),
    ],
)
def test_dotenv_is_read(text: str, pairs: list[tuple[str, str]]) -> None:
    assert parse_dotenv(text) == pairs


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A=1\nB", "line 2"),
        ("\n=x", "line 2"),
        ("1A=x", "line 1"),
        ('A="x\ny', "line 1"),
        ("A='x' y", "line 1"),
        ("A='x\ny' z", "line 2"),
    ],
)
def test_dotenv_names_the_line_that_is_wrong(text: str, line: str) -> None:
    with pytest.raises(Invalid, match=line):
        parse_dotenv(text)


@given(st.text("AB=\"'\\#n \n\x00é"))
def test_any_dotenv_is_read_or_refused(text: str) -> None:
    try:
        pairs = parse_dotenv(text)
    except Invalid:
        return
    assert all(set(key) <= set("ABn") for key, _ in pairs)


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z_]{1,8}", fullmatch=True), st.text(st.characters(codec="utf-8", exclude_characters="\r"))
    )
)
def test_dotenv_gives_back_what_was_quoted(values: dict[str, str]) -> None:
    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    assert dict(parse_dotenv("\n".join(f"{key}={quoted(value)}" for key, value in values.items()))) == values
