"""Untrusted text made inert for screens and logs, and secrets taken out of it; linear in the length of the text."""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from json import dumps
from typing import Final
from urllib.parse import quote, quote_plus

from nanoscale_box.core.secret import Secret

# ECMA-48: control strings (OSC, DCS, SOS, PM, APC), control sequences (CSI), then any other escape; 7-bit and 8-bit
# forms. What is not terminated ends at the next escape or line end. No alternative matches what another began, so
# nothing backtracks.
_ESCAPES: Final = re.compile(
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x18\x1a\x1b\x9c\r\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
# Invisible or direction-changing (Unicode's Cf and its kin): soft hyphen, Arabic letter mark, Mongolian separators,
# zero-width, bidi embeddings, overrides and isolates, word joiners, byte order mark, interlinear marks, shorthand and
# musical controls, tags.
_INVISIBLE: Final = (
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB), (0x13430, 0x13440), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
_STAND_INS: Final[dict[int, str]] = (
    {code: chr(0x2400 + code) for code in range(0x20)}
    | {0x7F: "\N{SYMBOL FOR DELETE}"}
    | dict.fromkeys(range(0x80, 0xA0), _REPLACEMENT)
    | dict.fromkeys(range(0xD800, 0xE000), _REPLACEMENT)
    | dict.fromkeys((code for first, last in _INVISIBLE for code in range(first, last + 1)), "")
    | {0x2028: " ", 0x2029: " "}
)
_ONE_LINE: Final = _STAND_INS | dict.fromkeys((0x09, 0x0A, 0x0D), " ")
_MANY_LINES: Final = _STAND_INS | {0x09: "\t", 0x0A: "\n"}

MASK: Final = Secret.MASK
_PEM_BEGIN: Final = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_PEM_END: Final = r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
# Each pattern starts at most once in a run of its own characters, so no hostile line makes it look at the run again and
# again.
_PATTERNS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(rf"{_PEM_BEGIN}.*?(?:{_PEM_END}|\Z)", re.DOTALL), MASK),
    (re.compile(r"(\bauthorization[\"']?[ \t]{0,8}[:=][ \t]{0,8}[\"']?)[^\r\n\"']+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"(\bbearer[ \t]{1,8})[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"gh[opsru]_[A-Za-z0-9._-]{16,}|github_pat_[A-Za-z0-9_]{16,}|nsb_[A-Za-z0-9_-]{43}"), MASK),
    (re.compile(r"(?<![\w-])[\w-]{10,}+\.eyJ[\w-]{5,}+\.[\w-]*+", re.ASCII), MASK),
    (re.compile(r"(?<=://)[^\s/?#\"'<>]*@"), f"{MASK}@"),
)
_MIN_SECRET: Final = 6
_PEM_LINES: Final = 256


def inert(text: str, *, limit: int = 500, lines: bool = False) -> str:
    """Give `text` with nothing left in it that a terminal, a log or a reader could act on or be misled by.

    Escape sequences go whole; control bytes and lone surrogates become visible stand-ins; invisible and
    bidirectional marks go.
    Line ends and tabs become spaces, or stay (`\\r` as `\\n`) with `lines=True`. At most `limit` characters, the
    last `…` if cut.
    Work is bounded by `limit`: what lies far behind the cut is never looked at.
    """
    if len(text) <= limit and text.isascii() and (text.replace("\n", "") if lines else text).isprintable():
        return text
    window = 16 * limit + 4096
    shown = _ESCAPES.sub("", text[:window]).replace("\r\n", "\n")
    shown = shown.replace("\r", "\n").translate(_MANY_LINES) if lines else shown.rstrip("\r\n").translate(_ONE_LINE)
    if len(shown) <= limit and len(text) <= window:
        return shown
    return f"{shown[: limit - 1]}…" if limit > 0 else ""


def redact(text: str) -> str:
    """Give `text` with everything that has the form of a credential masked: tokens of GitHub, of the box and of the
    JSON web kind, private keys (to the end of the text when unterminated), what stands before the `@` of a URL, and
    values of `Authorization`.

    Apply it after `inert`, which joins what escape sequences or invisible marks had torn apart."""
    for pattern, masked in _PATTERNS:
        text = pattern.sub(masked, text)
    return text


class Redactor:
    """Masks the given secrets wherever they stand, also URL-encoded, JSON-escaped or inside base64, and what
    `redact` knows."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        forms = {form for secret in secrets for form in _forms(secret.reveal())}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._literal = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def __call__(self, text: str) -> str:
        """Give `text` masked."""
        return redact(self._literal.sub(MASK, text) if self._literal else text)

    def stream(self) -> StreamRedactor:
        """Give a redactor for the lines of one stream."""
        return StreamRedactor(self)


class StreamRedactor:
    """Redacts a stream line by line and remembers an open private key: from its BEGIN line on, every line is masked
    whole
    until its END line, or 256 lines later if none comes, so that a lone BEGIN cannot blind the log for good."""

    def __init__(self, redactor: Callable[[str], str] = redact) -> None:
        self._redactor = redactor
        self._masked_lines_left = 0

    def feed(self, line: str) -> str:
        """Give the next line masked."""
        if not self._masked_lines_left:
            if _opens_key(line):
                self._masked_lines_left = _PEM_LINES
            return self._redactor(line)
        self._masked_lines_left -= 1
        ended = _END.search(line)
        if ended is None:
            return MASK
        self._masked_lines_left = 0
        return MASK + self.feed(line[ended.end() :])


_BEGIN: Final = re.compile(_PEM_BEGIN)
_END: Final = re.compile(_PEM_END)


def _opens_key(line: str) -> bool:
    """Whether the last private key that begins in `line` does not end in it."""
    if "PRIVATE KEY" not in line:
        return False
    ends = [begun.end() for begun in _BEGIN.finditer(line)]
    return bool(ends) and _END.search(line, ends[-1]) is None


def _forms(text: str) -> Iterator[str]:
    """Every spelling of a secret worth looking for; lines of a long one too, since streams come by the line."""
    spellings = {text, quote(text, safe=""), quote(text), quote_plus(text), dumps(text)[1:-1], *_in_base64(text)}
    yield from (spelling for spelling in spellings if len(spelling) >= _MIN_SECRET and len(text) >= _MIN_SECRET)
    if "\n" in text:
        yield from (line.strip() for line in text.splitlines() if len(line.strip()) >= 2 * _MIN_SECRET)


def _in_base64(text: str) -> Iterator[str]:
    """What base64 makes of `text` at each of the three places it can have in the encoded bytes, without the shared
    end digits."""
    raw = text.encode("utf-8", "surrogatepass")
    for shift in range(3):
        for encode in (b64encode, urlsafe_b64encode):
            encoded = encode(b"\0" * shift + raw).decode("ascii").rstrip("=")
            whole_digits = (shift + len(raw)) * 8 // 6
            yield encoded[(shift * 8 + 5) // 6 : whole_digits]
