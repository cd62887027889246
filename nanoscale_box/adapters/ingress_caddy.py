"""Leads hosts to instances through a Caddy of its own, which outlives the box and is adopted by the next one."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from subprocess import Popen
from typing import Final

import msgspec
import structlog

from nanoscale_box.adapters import shell
from nanoscale_box.adapters.caddy_config import Door, Https, Json, configuration, is_sayable, listen_of
from nanoscale_box.adapters.caddy_find import find_caddy
from nanoscale_box.adapters.folders import Folders, open_log, private_folder, write_whole
from nanoscale_box.adapters.free_ports import is_free
from nanoscale_box.adapters.ingress_caddy_admin import failed, load, running_config
from nanoscale_box.adapters.ingress_unit import IngressUnit
from nanoscale_box.adapters.processes import (
    ProcessId,
    Watch,
    end_family,
    holder,
    identify_child,
    is_alive,
    is_busy,
)
from nanoscale_box.core.errors import BoxError, Code, ConfigurationError, Fault, Unavailable
from nanoscale_box.core.model import Address
from nanoscale_box.core.text import inert
from nanoscale_box.core.urls import may_have_certificate

_log = structlog.stdlib.get_logger(__name__)
_ADDRESS: Final = re.compile(r"127\.0\.0\.1:[0-9]{1,5}|file:/[^{}\\\x00-\x1f\x7f]*")
_LISTEN: Final = re.compile(r"(?P<host>|\[[0-9A-Fa-f:.]+\]|[0-9.]+|localhost):(?P<port>[0-9]{1,5})")
_HTTP: Final = "NANOSCALE_INGRESS_LISTEN"
_HTTPS: Final = "NANOSCALE_INGRESS_HTTPS_LISTEN"
_START_SECONDS: Final = 20.0
_STOP_SECONDS: Final = 10.0
_LONGEST_PAUSE: Final = 30.0
_QUIET_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 0.1

FindCaddy = Callable[[str, Path], Awaitable[Path]]
"""Gives the program, from the search path and a folder that it may use."""


class _Own(msgspec.Struct, frozen=True, kw_only=True):
    """The record of our Caddy's process."""

    process: ProcessId


class CaddyIngress:
    """A route is a file of one line, read with every request: switching is one rename. The configuration changes only
    with the hosts."""

    def __init__(
        self,
        folders: Folders,
        *,
        listen: str,
        search_path: str,
        door: Door | None = None,
        https: Https | None = None,
        find: FindCaddy = find_caddy,
        unit: IngressUnit | None = None,
    ) -> None:
        if not is_sayable(folders.home):
            raise ConfigurationError(
                Code.CONFIGURATION,
                f"the home {inert(str(folders.home))!r} holds a brace, a backslash or a control character",
                hint="set NANOSCALE_HOME to a folder without them",
            )
        self._folders = folders
        self._folder = folders.ingress
        self._host, self._port = _parsed(listen, _HTTP)
        if https:
            _parsed(https.listen, _HTTPS)
        self._door = door
        self._https = https
        self._search_path = search_path
        self._find = find
        self._unit = unit
        self._hosts: set[str] = set()
        self._has_them = False
        """Whether Caddy took its configuration with these hosts."""
        self._lock = asyncio.Lock()
        self._process: ProcessId | None = None
        self._watch = Watch(None)
        self._child: Popen[bytes] | None = None
        self._reviving: asyncio.Task[None] | None = None

    async def start(self, hosts: Sequence[str]) -> None:
        """See that Caddy runs and knows exactly these hosts; adopt one that runs already."""
        async with self._lock:
            for host in hosts:
                self._folders.route(host)
            if self._hosts == set(hosts) and self._is_as_wanted():
                return
            self._hosts = set(hosts)
            await self._ensure()

    async def switch(self, host: str, address: Address) -> None:
        """Lead the host to the address, at once and whole."""
        if not _ADDRESS.fullmatch(address):
            raise failed(f"{inert(address)!r} is no address of an instance")
        async with self._lock:
            await asyncio.to_thread(write_whole, self._folders.route(host), address)
            if host not in self._hosts or not self._is_as_wanted():
                self._hosts.add(host)
                await self._ensure()

    async def current(self, host: str) -> Address | None:
        """Where the host leads now."""
        try:
            text = self._folders.route(host).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return Address(text) if _ADDRESS.fullmatch(text) else None

    async def remove(self, host: str) -> None:
        """Forget the host."""
        async with self._lock:
            route = self._folders.route(host)
            if host in self._hosts:
                self._hosts.discard(host)
                if self._is_running():
                    await self._ensure()
            route.unlink(missing_ok=True)

    async def drain(self, address: Address, seconds: float) -> None:
        """Return once nobody has had a connection to the address for a while, or after so many seconds. A single look
        would not do: a request that was led there just before a switch may not have connected yet."""
        if address.startswith("file:"):
            return  # an open file is read to its end whatever becomes of its name
        loop = asyncio.get_running_loop()
        port = int(address.rpartition(":")[2])
        began = busy = loop.time()
        while (now := loop.time()) < began + seconds:
            if await asyncio.to_thread(is_busy, port):
                busy = now
            elif now - busy >= _QUIET_SECONDS:
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def stop(self) -> None:
        """End Caddy; requests under way have 10 s."""
        await self._give_up_reviving()
        async with self._lock:
            process = self._process or await self._recorded()
            self._forget()
            if self._unit is not None:
                await self._unit.stop()
            elif process is not None:
                await end_family(process, patience=_STOP_SECONDS)
            self._reap()
            self._record.unlink(missing_ok=True)

    async def close(self) -> None:
        """Look after Caddy no more; it runs on."""
        await self._give_up_reviving()
        self._forget()
        if self._child is not None:
            self._child.returncode = 0  # it outlives us on purpose: Popen need not warn

    def url(self, host: str) -> str:
        """The address people type."""
        if self._https and may_have_certificate(host):
            port = self._https.port
            return f"https://{host}" if port == 443 else f"https://{host}:{port}"
        return f"http://{host}" if self._port == 80 else f"http://{host}:{self._port}"

    @property
    def _record(self) -> Path:
        return self._folder / "caddy.json"

    @property
    def _config_file(self) -> Path:
        return self._folder / "config.json"

    def _config(self) -> Json:
        return configuration(
            listen=f"{self._host}:{self._port}",
            hosts=sorted(self._hosts),
            routes=self._folders.routes,
            log=self._folder / "caddy.log",
            door=self._door,
            https=self._https,
        )

    async def _ensure(self) -> None:
        """Adopt or start Caddy, and give it the configuration it should have."""
        self._has_them = False
        await self._give_configuration()
        self._has_them = True

    async def _give_configuration(self) -> None:
        private_folder(self._folder)
        private_folder(self._folders.routes)
        process = self._process or await self._recorded()
        has = await running_config(self._folder) if process is not None and is_alive(process) else None
        if process is None or has is None:
            await self._launch(process)
            return
        if self._port == 0:
            self._port = _port_in(has)
        self._look_after(process)
        wanted = self._config()
        if has != wanted:
            write_whole(self._config_file, _text(wanted))
            await load(self._folder, wanted)

    async def _launch(self, former: ProcessId | None) -> None:
        """Start Caddy with the configuration in a file, so that whoever starts it again serves the same."""
        self._forget()
        if self._unit is not None:
            await self._launch_unit(self._unit)
            return
        if former is not None:
            await end_family(former, patience=0)  # one that does not answer is in the way
        caddy = await self._find(self._search_path, self._folder)
        self._port = _free_port(self._host, self._port, _HTTP)
        if self._https:
            _free_port(*_parsed(self._https.listen, _HTTPS), _HTTPS)
        write_whole(self._config_file, _text(self._config()))
        write_whole(self._record.with_name(f"{self._record.name}.new"), "{}")
        said = self._folder / "caddy.out"
        said.unlink(missing_ok=True)
        output = open_log(said)
        try:
            child = shell.start_apart(
                [str(caddy), "run", "--config", str(self._config_file)],
                folder=self._folder,
                env=self._environment(),
                record=self._record,
                output=output,
            )
        finally:
            os.close(output)
        process = identify_child(child.pid)
        self._child = child
        await self._wait_until_up(process, said)
        self._look_after(process)

    async def _launch_unit(self, unit: IngressUnit) -> None:
        """Have systemd start it: it may listen on low ports, which the box may not."""
        write_whole(self._config_file, _text(self._config()))
        process = await unit.start()
        if process is None or await running_config(self._folder) is None:
            raise failed("the ingress does not start", "see why: journalctl -u nanoscale-ingress")
        self._look_after(process)

    async def _wait_until_up(self, process: ProcessId, said: Path) -> None:
        deadline = asyncio.get_running_loop().time() + _START_SECONDS
        pause = 0.01
        while await running_config(self._folder) is None:
            if not is_alive(process) or asyncio.get_running_loop().time() > deadline:
                await end_family(process, patience=0)
                self._forget()
                raise failed(f"Caddy did not start: {_last_line(said)}")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.2)

    def _environment(self) -> dict[str, str]:
        folder = str(self._folder)
        return {"HOME": folder, "XDG_DATA_HOME": f"{folder}/data", "XDG_CONFIG_HOME": f"{folder}/config"}

    async def _recorded(self) -> ProcessId | None:
        """The Caddy of an earlier box, if it runs still."""
        if self._unit is not None:
            return await self._unit.process()
        try:
            process = msgspec.json.decode(self._record.read_bytes(), type=_Own).process
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        return process if is_alive(process) else None

    def _is_as_wanted(self) -> bool:
        return self._has_them and self._is_running()

    def _is_running(self) -> bool:
        return self._process is not None and is_alive(self._process)

    def _look_after(self, process: ProcessId) -> None:
        if self._process == process:
            return
        self._process = process
        self._watch.close()
        self._watch = Watch(process)
        self._watch.begin(self._has_ended)

    def _forget(self) -> None:
        self._process = None
        self._watch.close()
        self._reap()

    def _reap(self) -> None:
        if self._child is not None and self._child.poll() is not None:
            self._child = None

    def _has_ended(self) -> None:
        """Caddy ended, and not because we wanted it to: start it again."""
        self._forget()
        _log.warning("caddy ended by itself and is started again")
        self._reviving = asyncio.ensure_future(self._revive())

    async def _revive(self) -> None:
        pause = 0.1
        while True:
            try:
                async with self._lock:
                    await self._ensure()
                return
            except BoxError as error:
                _log.error("caddy cannot be started again", code=error.code, detail=error.detail, seconds=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _give_up_reviving(self) -> None:
        if self._reviving is not None:
            self._reviving.cancel()
            await asyncio.gather(self._reviving, return_exceptions=True)
            self._reviving = None


def _free_port(host: str, port: int, setting: str) -> int:
    """The port to listen on; a sentence if it cannot be had."""
    bare = host.strip("[]")
    try:
        free = is_free(bare, port, reuse=True)
    except PermissionError as error:
        hint = f"set {setting} to a port above 1023, or let this user use low ports"
        raise failed(f"this user may not listen on port {port}", hint) from error
    except OSError as error:
        hint = f"set {setting} to an address of this machine"
        raise failed(f"nobody can listen on {host}:{port}: {error.strerror}", hint) from error
    if not free:
        who = holder(port)
        raise Unavailable(
            Code.PORT_TAKEN,
            f"port {port}, where apps are served, is in use{f' by {who}' if who else ''}",
            hint=f"end that program, or set {setting} to another port",
            fault=Fault.BOX,
        )
    return port or _any_port(bare)


def _parsed(listen: str, setting: str) -> tuple[str, int]:
    """Host and port of an address to listen on, like `:8080` or `127.0.0.1:8080`; port 0 is any that is free."""
    found = _LISTEN.fullmatch(listen)
    if found is None or int(found["port"]) > 65535:
        raise ConfigurationError(
            Code.CONFIGURATION,
            f"{setting} cannot be {inert(listen, limit=100)!r}",
            hint="give a port like :8080, or an address with one like 127.0.0.1:8080",
        )
    return found["host"].replace("localhost", "127.0.0.1"), int(found["port"])


def _port_in(config: object) -> int:
    addresses = listen_of(config)
    return int(addresses[0].rpartition(":")[2]) if addresses else 0


def _last_line(said: Path) -> str:
    lines = said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return inert(lines[-1], limit=300) if lines else "it said nothing"


def _any_port(host: str) -> int:
    with socket.create_server((host or "127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _text(config: Json) -> str:
    return msgspec.json.encode(config).decode()
