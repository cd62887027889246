"""A program between the box and a command: makes it findable and bounded, and lets it leave nothing behind.

Run by path in isolated mode; it sees nothing of the box but its arguments: mode, record, parent, limits
(`NAME=NUMBER,...`), `--`, argv. It is begun with every command, so it imports little: json alone took half of its time.

`become`: writes the record (who it is, as JSON), then becomes the command: same process id, same start, so the record
holds.
`watch`: runs the command as a child, ends with its status, and before that ends everything the command left behind. It
also
ends everything on SIGTERM, which the kernel sends as well when the box dies.
"""

import ctypes
import os
import resource
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36  # prctl(2): orphans below come here; survives execve
CANNOT_RUN = 126
NOT_FOUND = 127
GRACE_SECONDS = 1.0


def main(mode: str, record: str, parent: str, limits: str, dashes: str, *argv: str) -> int:
    """Do what the mode says; gives the exit status, or never comes back."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if mode == "watch":
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(parent):
        return CANNOT_RUN  # the box died in between: nobody would know of the command
    if mode == "become":
        write_record(record)
        return become(limits, argv)
    return watch(limits, argv)


def write_record(path: str) -> None:
    """Complete the record that the box prepared with who we are, by one rename."""
    with open(f"{path}.new", encoding="utf-8") as file:
        prepared = file.read().rstrip().removesuffix("}")
    with open("/proc/self/stat", "rb") as file:
        started = int(file.read().rpartition(b") ")[2].split()[19])
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        boot = file.read().strip()
    process = f'"process": {{"pid": {os.getpid()}, "started": {started}, "boot": "{boot}"}}}}'
    with open(f"{path}.own", "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(f"{prepared}{'' if prepared == '{' else ', '}{process}")
    os.rename(f"{path}.own", path)
    os.unlink(f"{path}.new")


def become(limits: str, argv: tuple[str, ...]) -> int:
    """Turn into the command; gives an exit status only if that fails."""
    for name, _, value in (limit.partition("=") for limit in limits.split(",") if limit):
        number, wanted = getattr(resource, name), int(value)
        ceiling = resource.getrlimit(number)[1]
        limit = wanted if ceiling == resource.RLIM_INFINITY else min(wanted, ceiling)
        resource.setrlimit(number, (limit, limit))
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and what is ignored stays so
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - no shell is the point
    except FileNotFoundError:
        os.write(2, f"{argv[0]}: there is no such program\n".encode(errors="replace"))
        return NOT_FOUND
    except OSError as error:
        os.write(2, f"{argv[0]}: cannot be run: {error.strerror}\n".encode(errors="replace"))
        return CANNOT_RUN


def watch(limits: str, argv: tuple[str, ...]) -> int:
    """Run the command to its end, or to ours."""
    heard = {signal.SIGCHLD, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, heard)
    command = os.fork()
    if command == 0:
        os._exit(become(limits, argv))
    while True:
        if signal.sigwait(heard) == signal.SIGTERM:
            end_all(heard, signal.SIGTERM)
            return 128 + signal.SIGTERM
        ended = reap()
        if command in ended:
            end_all(heard, signal.SIGKILL)
            status = os.waitstatus_to_exitcode(ended[command])
            return status if status >= 0 else 128 - status


def reap() -> dict[int, int]:
    """Take in every child that has ended; gives their wait statuses."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = status


def end_all(heard: set[signal.Signals], first: signal.Signals) -> None:
    """End every descendant: the first signal once, SIGKILL once the grace is over, until there is none."""
    if not has_children():
        return  # orphans come to us, so nobody is left; looking for them costs as much as many a build
    tell(first)
    deadline = time.monotonic() + (GRACE_SECONDS if first == signal.SIGTERM else 0)
    while has_children():
        left = deadline - time.monotonic()
        if left <= 0:
            tell(signal.SIGKILL)  # again and again: orphans come up to us one generation at a time
        signal.sigtimedwait(heard - {signal.SIGTERM}, max(left, 0.01))
        reap()


def has_children() -> bool:
    """Whether anything is left below us."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def tell(number: signal.Signals) -> None:
    """Signal every descendant."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    parents[int(name)] = int(file.read().rpartition(b") ")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    below = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in below and pid not in below}:
        below |= more
    for pid in below - {os.getpid()}:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
