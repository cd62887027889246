"""Runs builds and errands as units of systemd: as the project's own user, on a copy, handed over when it is whole."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from nanoscale_box.adapters import environment, shell, systemd, systemd_units
from nanoscale_box.adapters.folders import Folders, disk_full, private_folder
from nanoscale_box.adapters.lines import Lines
from nanoscale_box.adapters.removal import Remover
from nanoscale_box.adapters.systemd_units import APP_TEMPLATES, BUILD_TEMPLATE
from nanoscale_box.adapters.unit_orders import SEEN_HOME, Order, Orders, end
from nanoscale_box.adapters.workplace import Sight, Task
from nanoscale_box.core.errors import Code, Fault, Unavailable
from nanoscale_box.core.model import DataFolder, ProjectId, Release
from nanoscale_box.core.text import inert

_WORK: Final = SEEN_HOME / "release"
_CACHE: Final = SEEN_HOME / "cache"
_DATA: Final = Path("/var/lib/nanoscale-app")
_CHUNK: Final = 64 * 1024
_HAND_OVER_SECONDS: Final = 900.0
_ROOM_SECONDS: Final = 120.0
"""How long a start waits for a unit of its project to be free: as long as an old release may drain and end."""
_ROOM_LOOK: Final = 0.25
_PLAIN: Final = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
_COUNT: Final = ("-not", "-type", "d", "-printf", "%b\\n")
"""find(1): the blocks of 512 bytes of each file, a line for each."""
_COUNT_SECONDS: Final = 60.0
_PACK: Final = ("tar", "--create", "--file=-", "--hard-dereference", "--mode=a+rX,u+w", ".")
_UNPACK: Final = ("tar", "--extract", "--file=-", "--no-same-owner", "--delay-directory-restore")


class UnitWorkplace:
    """What is built belongs to the box: a build works on a copy in its project's cache folder, and the box unpacks what
    it hands over. So neither the app nor a later build can write to a release, and the box can remove it."""

    def __init__(self, folders: Folders, orders: Orders) -> None:
        self._folders = folders
        self._orders = orders
        self._remover = Remover(folders.trash / "work")
        self._fresh: set[Release] = set()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.busy: Final[set[str]] = set()
        """App units that carry out errands."""

    def sight(self, release: Release) -> Sight:
        """The same names for every project: each unit is shown its own folders there."""
        data = _DATA / systemd_units.instance_of(release.project_id)
        return Sight(release=_WORK, data=data, cache=_CACHE)

    async def begin(self, release: Release) -> None:
        """Let the project's user read the checkout; who may reach it at all, the unit decides."""
        folder = self._folders.release(release)
        await self._machine(["chmod", "--recursive", "a+rX,u+w", "--", str(folder)], folder.parent)
        self._fresh.add(release)

    async def build(self, release: Release, task: Task) -> int:
        """Run a command on the copy; the first one of a build brings it."""
        unit = systemd_units.unit_of(BUILD_TEMPLATE, release.project_id)
        tmp, home = str(environment.build_tmp(_CACHE)), str(environment.build_home(_CACHE))
        order = Order(
            argv=task.argv, env=task.env, folder=str(task.folder), folders=(tmp, home), bring=release in self._fresh,
            empty=(str(_WORK), tmp) if release in self._fresh else (),
        )  # fmt: skip
        self._fresh.discard(release)
        return await self._run(unit, order, self._folders.release(release), task)

    async def finish(self, release: Release) -> None:
        """Unpack what the build hands over, and put it in the place of the checkout."""
        if release in self._fresh:  # nothing was run: the checkout is the release
            self._fresh.discard(release)
            return
        unit = systemd_units.unit_of(BUILD_TEMPLATE, release.project_id)
        folder, unpacked = self._folders.release(release), self._folders.unfinished(release)
        await self._remover.remove(unpacked)
        private_folder(unpacked).chmod(0o755)

        async def unpack(box: socket.socket) -> None:
            box.setblocking(True)  # another program reads it from here on
            await self._machine(_UNPACK, unpacked, stdin=box)

        order = Order(argv=_PACK, env=_PLAIN, folder=str(_WORK), errors=False)
        status = await self._orders.run(unit, order, folder, unpack, _HAND_OVER_SECONDS)
        if status != 0:
            raise _not_handed_over(f"tar ended with exit status {status}")
        await self._remover.remove(folder)
        unpacked.rename(folder)

    async def errand(self, release: Release, task: Task) -> int:
        """Run a command in an app unit that is free."""
        return await self._in_app_unit(release.project_id, self._folders.release(release), task)

    async def data(self, project_id: ProjectId) -> DataFolder:
        """Have the project's user look into its folder: the box may not."""
        folder = _DATA / systemd_units.instance_of(project_id)
        blocks: list[int] = []
        task = Task(
            argv=("find", f"{folder}/", *_COUNT), folder=Path("/"), env=_PLAIN, seconds=_COUNT_SECONDS,
            line=lambda line: blocks.append(int(line)) if line.isdigit() else None,
        )  # fmt: skip
        try:
            whole = await self._in_app_unit(project_id, private_folder(self._folders.units / "nothing"), task) == 0
        except TimeoutError:
            whole = False
        return DataFolder(path=str(folder), bytes=512 * sum(blocks), files=len(blocks), whole=whole)

    async def clear_cache(self, project_id: ProjectId) -> None:
        """Have systemd remove the folder, which is not the box's."""
        await self._clean(systemd_units.unit_of(BUILD_TEMPLATE, project_id), "cache")

    async def clear_data(self, project_id: ProjectId) -> None:
        """Have systemd remove the folder, which is not the box's."""
        await self._clean(systemd_units.unit_of(APP_TEMPLATES[0], project_id), "state")

    @asynccontextmanager
    async def room(self, project_id: ProjectId, given: Callable[[], set[str]]) -> AsyncIterator[str]:
        """An app unit of the project that nobody has; whoever takes it says so within the block. `given` are those that
        somebody has though they do not run yet, or not any more."""
        units = [systemd_units.unit_of(template, project_id) for template in APP_TEMPLATES]
        async with self._locks.setdefault(project_id, asyncio.Lock()):
            deadline = asyncio.get_running_loop().time() + _ROOM_SECONDS
            while True:
                states = await systemd.states(units)
                taken = given() | self.busy
                free = [unit for unit, state in zip(units, states, strict=True) if state.is_over and unit not in taken]
                if free:
                    break
                if asyncio.get_running_loop().time() > deadline:
                    raise Unavailable(
                        Code.START_FAILED,
                        f"{len(units)} releases of this project run already, and none of them ends",
                        hint="deploy again when the older ones have drained",
                        fault=Fault.BOX,
                    )
                await asyncio.sleep(_ROOM_LOOK)
            yield free[0]

    async def _in_app_unit(self, project_id: ProjectId, shown: Path, task: Task) -> int:
        async with self.room(project_id, set) as unit:
            self.busy.add(unit)
        try:
            return await self._run(unit, Order(argv=task.argv, env=task.env, folder=str(task.folder)), shown, task)
        finally:
            self.busy.discard(unit)

    async def _run(self, unit: str, order: Order, shown: Path, task: Task) -> int:
        await systemd.tell(systemd_units.limit(unit, task.limits, memory_mb=task.memory_mb))

        async def listen(box: socket.socket) -> None:
            loop, lines = asyncio.get_running_loop(), Lines()
            while chunk := await loop.sock_recv(box, _CHUNK):
                for each in lines.feed(chunk):
                    task.line(each)
            for each in lines.end():
                task.line(each)

        return await self._orders.run(unit, order, shown, listen, task.seconds)

    async def _clean(self, unit: str, what: str) -> None:
        await end(unit, patience=0)
        await systemd.tell(systemd_units.clean(unit, what))

    async def _machine(
        self, argv: tuple[str, ...] | list[str], folder: Path, stdin: socket.socket | None = None
    ) -> None:
        status, said = await shell.ask(argv, seconds=_HAND_OVER_SECONDS, folder=folder, stdin=stdin)
        if status != 0 and "No space left" in said:
            raise disk_full()
        if status != 0:
            words = (said.strip() or "it says nothing").splitlines()[-1]
            raise _not_handed_over(f"{argv[0]} says: {inert(words, limit=300)}")


def _not_handed_over(why: str) -> Unavailable:
    return Unavailable(
        Code.BUILD_FAILED, f"what was built could not be taken over: {why}", hint="deploy again", fault=Fault.BOX
    )
