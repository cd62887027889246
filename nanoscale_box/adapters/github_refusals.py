"""What GitHub's refusals mean, each as one sentence with what to do next; nothing GitHub wrote enters it as it was."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec

from nanoscale_box.adapters.github_http import Answer, NoAnswer, refused_answer
from nanoscale_box.core.errors import TRIED_AGAIN, BoxError, Code, Fault, NotFound, Unavailable
from nanoscale_box.core.figures import clock_skew
from nanoscale_box.core.text import inert, redact

CLOCK_TOLERANCE: Final = timedelta(seconds=60)
# GitHub's words: "'Issued at' claim ('iat') must be ...", "'Expiration time' claim ('exp') ...".
_TIME_WORDS: Final = ("('iat')", "('exp')", "expiration time", "issued at")
# A path of two parts may be the name of a private repository.
_NAME_LIKE: Final = re.compile(r"[\w.%-]+/[\w./%-]+")
_SET_CLOCK: Final = f"Set the clock: timedatectl set-ntp true. {TRIED_AGAIN}"


class Kind(StrEnum):
    """As whom the box asks."""

    APP = "app"
    INSTALLATION = "installation"
    USER = "user"
    CLIENT = "client"
    NOBODY = "nobody"


class _Errors(msgspec.Struct):
    message: Any = ""
    errors: Any = None


def message_of(answer: Answer) -> str:
    """GitHub's own words for an error, made inert and without anything that may be a name or a token."""
    try:
        found = msgspec.json.decode(answer.body, type=_Errors)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return ""
    texts = [found.message] if isinstance(found.message, str) else []
    errors = found.errors if isinstance(found.errors, list) else [found.errors]
    for error in errors[:3]:
        text = error.get("message") if isinstance(error, dict) else error
        if isinstance(text, str):
            texts.append(text)
    return _NAME_LIKE.sub("…", redact(inert(": ".join(texts).rstrip("."), limit=200)))


def unreachable(failed: NoAnswer) -> Unavailable:
    """No answer came."""
    return Unavailable(
        Code.GITHUB_UNREACHABLE,
        f"GitHub cannot be reached: {failed.why}.",
        hint=f"Check this machine's network, and GitHub's status page. {TRIED_AGAIN}",
        fault=Fault.NETWORK,
    )


def refusal(kind: Kind, answer: Answer, skew: timedelta | None) -> BoxError:
    """The error for an answer that is none of the good ones. Limits are dealt with before."""
    words = message_of(answer)
    match answer.status:
        case 401:
            return _unauthorized(kind, words, skew)
        case 403 if "suspended" in words.lower():
            return suspended()
        case 403:
            return _forbidden(kind, words, answer.headers.get("x-accepted-github-permissions", ""))
        case 404 if kind is Kind.APP and is_unknown_app(answer):
            return unknown_app()
        case 404:
            return NotFound(
                Code.NOT_FOUND,
                "GitHub does not find what was asked for, or the App may not see it.",
                hint="See on GitHub whether it is still there and the App is still installed on it.",
            )
        case status if status >= 500:
            return Unavailable(
                Code.GITHUB_UNREACHABLE,
                f"GitHub has trouble of its own just now (HTTP {status}).",
                hint=f"See GitHub's status page. {TRIED_AGAIN}",
                fault=Fault.GITHUB,
            )
        case status if status >= 400:
            return Unavailable(
                Code.GITHUB_REFUSED, _said(f"GitHub refused the request (HTTP {status})", words), hint=_LOOK
            )
        case status:
            return refused_answer(f"GitHub gave an answer that makes no sense here (HTTP {status}).")


_LOOK: Final = "Look at the App's settings and permissions on GitHub, then try again."


def is_unknown_app(answer: Answer) -> bool:
    """Whether a 404 is not about the thing asked for but about the App itself."""
    return answer.status == 404 and "integration not found" in message_of(answer).lower()


def unknown_app() -> Unavailable:
    """GitHub has no such App."""
    return Unavailable(
        Code.GITHUB_REFUSED,
        "GitHub knows no App with this box's App id; it may have been deleted.",
        hint="Check the App id, or register the App again.",
    )


def suspended() -> Unavailable:
    """The owner suspended the installation."""
    return Unavailable(
        Code.INSTALLATION_SUSPENDED,
        "The App's installation is suspended on GitHub.",
        hint="Unsuspend it on GitHub, in the account's settings under Applications; what runs stays up.",
    )


def clock_off(skew: timedelta) -> Unavailable:
    """This machine's clock differs from GitHub's so much that GitHub takes no signed request."""
    return Unavailable(
        Code.GITHUB_CLOCK,
        f"This machine's clock is {clock_skew(skew)} GitHub's, so GitHub refuses the box's signature.",
        hint=_SET_CLOCK,
        fault=Fault.BOX,
    )


def _unauthorized(kind: Kind, words: str, skew: timedelta | None) -> BoxError:
    match kind:
        case Kind.APP if skew is not None and abs(skew) > CLOCK_TOLERANCE:
            return clock_off(skew)
        case Kind.APP if any(word in words.lower() for word in _TIME_WORDS):
            return Unavailable(
                Code.GITHUB_CLOCK,
                "GitHub refuses the box's signature for its time, so this machine's clock seems to be off.",
                hint=_SET_CLOCK,
                fault=Fault.BOX,
            )
        case Kind.APP:
            return Unavailable(
                Code.GITHUB_REFUSED,
                _said("GitHub does not accept the App's private key", words),
                hint="Make a new private key in the App's settings on GitHub and give it to the box.",
            )
        case Kind.USER:
            return Unavailable(
                Code.GITHUB_RECONNECT, "GitHub no longer accepts your authorisation.", hint="Connect GitHub again."
            )
        case Kind.CLIENT:
            return Unavailable(
                Code.GITHUB_REFUSED,
                _said("GitHub does not accept the App's client id and secret", words),
                hint="Compare both with the App's settings on GitHub.",
            )
        case _:
            return Unavailable(Code.GITHUB_REFUSED, _said("GitHub does not accept the box's token", words), hint=_LOOK)


def _forbidden(kind: Kind, words: str, needed: str) -> BoxError:
    if kind is Kind.INSTALLATION and "by integration" in words.lower():
        permissions = inert(needed, limit=80)
        named = f" ({permissions})" if permissions else ""
        return Unavailable(
            Code.GITHUB_REFUSED,
            f"The App lacks the permission for this on GitHub{named}.",
            hint="Grant it in the App's settings, then accept it for the installation.",
        )
    return Unavailable(Code.GITHUB_REFUSED, _said("GitHub refused the request", words), hint=_LOOK)


def _said(sentence: str, words: str) -> str:
    return f"{sentence}: {words}." if words else f"{sentence}."
