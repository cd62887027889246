"""One job inside its own process: first the limits, then the work, then what came of it."""

from __future__ import annotations

import errno
import gc
import os
import resource
import shutil
from collections.abc import Sequence
from typing import Final

from nanoscale_box.adapters.git_checkout import checkout
from nanoscale_box.adapters.git_fetch import find_head, find_tag
from nanoscale_box.adapters.git_limits import GIB, MIB, GitLimits
from nanoscale_box.adapters.git_messages import (
    Answer,
    Checkout,
    Failed,
    Found,
    Head,
    Line,
    Prepare,
    Remove,
    Settle,
    Work,
    encode,
)
from nanoscale_box.adapters.git_process import idle
from nanoscale_box.adapters.git_spare import prepare
from nanoscale_box.adapters.git_write import settle
from nanoscale_box.core.errors import BoxError, Code, DeployFailed, Fault, Unavailable

_MAX_OPEN: Final = 512
_STDOUT: Final = 1
_LARGE: Final = "Keep large files out of the repository."
DONE: Final = 0
FAILED: Final = 1


def confine(limits: GitLimits) -> None:
    """Set the kernel's limits for this process."""
    largest = max(limits.max_pack_bytes, limits.max_object_bytes) + 64 * MIB
    for what, limit in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_FSIZE, largest),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_NOFILE, _MAX_OPEN),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        soft = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        # where both are the same, the kernel sends SIGKILL for computing time, which says less than SIGXCPU
        resource.setrlimit(what, (soft, hard if what == resource.RLIMIT_CPU else soft))


def perform(request: Work) -> int:
    """Do the job and say what came of it; gives the exit code."""
    gc.disable()  # a job is short, and the memory limit holds it
    os.umask(0o022)
    try:
        for answer in _done(request):
            send(answer)
    except BoxError as error:
        send(_failed(request.job, error))
    except MemoryError:
        send(_failed(request.job, _out_of_memory(request)))
    except OSError as error:
        send(_failed(request.job, _system_error(error)))
    else:
        return DONE
    return FAILED


def _done(request: Work) -> Sequence[Answer]:
    """Do the job; gives what is to be told at its end."""
    match request:
        case Head():
            confine(request.limits)
            return [found(request)]
        case Checkout():
            confine(request.limits)
            return checkout(request, lambda text: send(Line(job=request.job, text=text[:500])))
        case Prepare():
            confine(request.limits)
            idle()
            prepare(request.mirror, request.size, request.limits)
        case Settle():
            settle(request.stage, request.folder)
        case Remove():
            for path in request.paths:
                remove(path)
    return []


def send(answer: Answer) -> None:
    """Write one answer; a line is below PIPE_BUF, so the kernel does not mix it with another job's."""
    os.write(_STDOUT, encode(answer))


def remove(path: str) -> None:
    """Remove a file or a folder; nothing happens when there is none."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):
        _remove_folder(path)


def _remove_folder(path: str) -> None:
    """Remove a folder into which a process that was just killed may still make one last file."""
    for last in (False, False, False, True):
        try:
            shutil.rmtree(path)
        except OSError as error:
            if last or error.errno != errno.ENOTEMPTY:
                raise
        else:
            return


def found(request: Head) -> Found:
    """Where a branch is, or which tag is the newest."""
    if request.tags is None:
        return Found(job=request.job, sha=find_head(request))
    tag, sha = find_tag(request, request.tags) or (None, None)
    return Found(job=request.job, sha=sha, tag=tag)


def _failed(job: int, error: BoxError) -> Failed:
    return Failed(
        job=job,
        code=error.code,
        detail=error.detail,
        hint=error.hint,
        fault=error.fault,
        unavailable=isinstance(error, Unavailable),
        retry_after=error.retry_after,
    )


def _out_of_memory(request: Work) -> DeployFailed:
    memory = request.limits.memory if isinstance(request, Head | Checkout) else 0
    return DeployFailed(
        Code.SOURCE_TOO_LARGE,
        f"the repository was refused: unpacking it needs more than {memory / GIB:.3g} GiB of memory",
        hint=_LARGE,
    )


def _system_error(error: OSError) -> BoxError:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            hint = "make room, then deploy again"
            return Unavailable(Code.DISK_FULL, "the disk is full; the checkout was undone", hint=hint, fault=Fault.BOX)
        case errno.EFBIG:
            detail = "the repository was refused: one file is too large"
            return DeployFailed(Code.SOURCE_TOO_LARGE, detail, hint=_LARGE)
        case errno.ENAMETOOLONG:
            detail, hint = "The repository was refused: a path in it is too long.", "Shorten it and push again."
            return DeployFailed(Code.SOURCE_REFUSED, detail, hint=hint)
        case errno.EEXIST:
            detail = "the repository was refused: two of its entries would be one file"
            return DeployFailed(Code.SOURCE_REFUSED, detail, hint="rename one of them and push again")
        case number:
            name = os.strerror(number) if number else type(error).__name__
            detail = f"the checkout could not be written: {name}"
            hint = "look at the box's home folder, then deploy again"
            return Unavailable(Code.INTERNAL, detail, hint=hint, fault=Fault.BOX)
