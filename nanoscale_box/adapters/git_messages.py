"""What the box and its git worker say to each other: one JSON object a line, requests on stdin, answers on stdout."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, json

from nanoscale_box.adapters.git_limits import GitLimits
from nanoscale_box.core.errors import Code, Fault


class Message(Struct, frozen=True, kw_only=True, tag_field="is", tag=str.lower):
    """The base of all messages; `job` is the number of the request it belongs to."""

    job: int


class Head(Message, frozen=True):
    """Look up the head of a branch; or with `tags`, a pattern, the newest tag."""

    url: str
    branch: str
    token: str | None
    limits: GitLimits
    tags: str | None = None


class Checkout(Message, frozen=True):
    """Write the tree of `sha` to `stage`, by way of the mirror, and rename it to `folder` when nothing is to be added:
    no submodule, and a folder is given."""

    url: str
    branch: str | None
    """None for a submodule: only the commit is known."""
    sha: str
    token: str | None
    mirror: str
    stage: str
    folder: str | None
    limits: GitLimits


class Prepare(Message, frozen=True):
    """Write the files of the mirror's newest commit into the mirror's spare folder, for the next checkout."""

    mirror: str
    size: int
    """About how many bytes that takes on the disk."""
    limits: GitLimits


class Settle(Message, frozen=True):
    """All of a checkout is in `stage`: see that no link leaves it, and rename it to `folder`."""

    stage: str
    folder: str


class Remove(Message, frozen=True):
    """Remove these files and folders; what is not there is fine."""

    paths: list[str]


class Cancel(Message, frozen=True):
    """End the job at once."""


class Line(Message, frozen=True):
    """A line of progress."""

    text: str


class Found(Message, frozen=True):
    """The head of the branch, or None if there is no such branch; of a tag its name too."""

    sha: str | None
    tag: str | None = None


class Submodule(Message, frozen=True):
    """The tree has a submodule; its place in the checkout is left empty."""

    path: str
    url: str
    """As `.gitmodules` has it."""
    sha: str


class Placed(Message, frozen=True):
    """The tree is written; what its commit says of itself, inert; what it cost of the budget."""

    subject: str | None
    author: str | None
    files: int
    size: int


class Failed(Message, frozen=True):
    """The job cannot be done. `unavailable` tells what may pass from what the repository or its owner must change."""

    code: Code
    detail: str
    hint: str
    fault: Fault
    unavailable: bool
    retry_after: float | None = None


class Ended(Message, frozen=True):
    """The job's process is gone and what it left behind is removed; always the last message of a job."""

    exit_code: int
    """As in subprocess: negative for a signal."""
    late: bool
    """It was killed because its time was over."""
    peak_kib: int
    cpu_ms: int = 0
    """What it computed, the processes that helped it too."""


Work = Head | Checkout | Prepare | Settle | Remove
Request = Work | Cancel
Answer = Line | Found | Submodule | Placed | Failed | Ended

_REQUESTS: Final = json.Decoder(Request)
_ANSWERS: Final = json.Decoder(Answer)


def encode(message: Request | Answer) -> bytes:
    """The message as a line. Answers stay below PIPE_BUF, so that lines of several jobs do not mix in one pipe."""
    return json.encode(message) + b"\n"


def decode_request(line: bytes) -> Request:
    """The request in a line."""
    request: Request = _REQUESTS.decode(line)
    return request


def decode_answer(line: bytes) -> Answer:
    """The answer in a line."""
    answer: Answer = _ANSWERS.decode(line)
    return answer


def git_stage(folder: str) -> str:
    """Where a checkout to `folder` is written until it is whole."""
    return f"{folder}.part"
