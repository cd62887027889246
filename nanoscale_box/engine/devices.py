"""Connects an account from a machine without any browser: a code is shown here and entered on GitHub anywhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from nanoscale_box.core.errors import BoxError, Code, Unavailable
from nanoscale_box.core.github_model import App, DeviceCode, StillWaiting
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.connecting import Connecting
from nanoscale_box.engine.doors import Doors
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.ports import Alarms, Github
from nanoscale_box.engine.telling import tell_github
from nanoscale_box.engine.views import Redirection

_ALARM: Final = "device flow"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    app: App
    begun: DeviceCode
    until: datetime


class DeviceFlow:
    """One at a time: a second beginning ends the first. A restart of the box ends it too."""

    def __init__(
        self,
        *,
        desk: Desk,
        github: Github,
        app: AppKeeper,
        connecting: Connecting,
        alarms: Alarms,
        doors: Doors,
        connected: Callable[[], object],
    ) -> None:
        self._ledger = desk.ledger
        self._clock = desk.clock
        self._github = github
        self._app = app
        self._connecting = connecting
        self._alarms = alarms
        self._doors = doors
        self._connected = connected
        self._waiting: _Waiting | None = None

    async def begin(self) -> Redirection:
        """Where the owner enters which code. `Unavailable` where the App has the device flow switched off."""
        app = await self._app.required()
        begun = await self._github.device_code(app)
        if urlsplit(begun.verification_uri).netloc != urlsplit(self._doors.github_url).netloc:
            raise Unavailable(Code.GITHUB_REFUSED, "GitHub named another host for entering the code", hint="try again")
        until = self._clock.now() + timedelta(seconds=begun.expires_in)
        self._waiting = _Waiting(app=app, begun=begun, until=until)
        self._ask_again(self._waiting)
        return Redirection(url=begun.verification_uri, expires_at=until, user_code=begun.user_code)

    def end(self) -> None:
        """Whoever enters the code from now on connects nothing. Nothing happens where none waits."""
        self._waiting = None

    def _ask_again(self, waiting: _Waiting) -> None:
        when = self._clock.now() + timedelta(seconds=waiting.begun.interval)
        self._alarms.once(when, _ALARM, self._ask)

    async def _ask(self) -> None:
        waiting = self._waiting
        if waiting is None:
            return
        if self._clock.now() >= waiting.until:
            expired = Unavailable(
                Code.GITHUB_STATE,
                "The code ran out before it was entered on GitHub.",
                hint="begin again: nanoscale-box github connect --device",
            )
            await self._give_up(expired)
            return
        accepting = False
        try:
            answer = await self._github.device_tokens(waiting.app, waiting.begun)
            if self._waiting is not waiting:
                return  # ended, or begun anew, while GitHub was asked
            if not isinstance(answer, StillWaiting):
                self._waiting, accepting = None, True
                await self._connecting.accept(waiting.app, answer)
                self._connected()
            else:
                self._waiting = replace(waiting, begun=replace(waiting.begun, interval=answer.interval))
                self._ask_again(self._waiting)
        except BoxError as error:
            if error.may_retry and self._waiting is waiting:
                self._ask_again(waiting)
            elif accepting or self._waiting is waiting:
                await self._give_up(error)

    async def _give_up(self, error: BoxError) -> None:
        self._waiting = None
        told: dict[str, object] = {"code": error.code.value, "detail": error.detail, "hint": error.hint}
        await self._ledger.write(lambda records: tell_github(records, "connect_failed", self._clock.now(), **told))
