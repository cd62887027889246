"""Keeps the model true: follows the stream of events, and asks again for what an event tells only in part."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from nanoscale_box.client import ApiError, Disconnected, Reconnected, Unreachable
from nanoscale_box.tui.box import Box
from nanoscale_box.tui.model import History, Model
from nanoscale_box.wire import shapes

_PAUSE: Final = 1.0
_PAGE: Final = 100
_MEASURE: Final = 5.0
_SAMPLES: Final = 20
"""Of what an app takes; as many as are shown where there is most room."""


@dataclass(slots=True)
class _Debt:
    """What is to be asked."""

    everything: bool = True
    projects: bool = False
    github: bool = False
    project_ids: set[str] = field(default_factory=set)
    histories: set[str] = field(default_factory=set)


class Feed:
    """Runs beside the screens for as long as they do."""

    def __init__(
        self,
        box: Box,
        model: Model,
        *,
        changed: Callable[[], None],
        heard: Callable[[shapes.Event], None],
        looked_at: Callable[[], bool] = lambda: True,
    ) -> None:
        self._box = box
        self._model = model
        self._changed = changed
        self._heard = heard
        self._looked_at = looked_at
        """Whether what apps take is in sight; else it is not asked for."""
        self._debt = _Debt()
        self._bell = asyncio.Event()
        self._bell.set()
        self._cut_off: str | None = None
        """Why the stream stands still; None while it flows."""

    async def run(self) -> None:
        """Follow and ask, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._pay())
            # What changed between the first asking and the moment the stream stood is in neither of them.
            tasks.create_task(self._ask_again_soon())
            tasks.create_task(self._measure())

    def open(self, project_id: str) -> None:
        """From now on keep this project's history too."""
        self._model.histories.setdefault(project_id, History())
        self._debt.histories.add(project_id)
        self._bell.set()

    def refresh(self) -> None:
        """Ask for everything again."""
        self._debt.everything = True
        self._debt.histories |= self._model.histories.keys()
        self._bell.set()

    async def _ask_again_soon(self) -> None:
        await asyncio.sleep(_PAUSE)
        self.refresh()

    async def _measure(self) -> None:
        """Ask what apps take as often as the box looks, while that is in sight."""
        while True:
            await asyncio.sleep(_MEASURE)
            if self._looked_at() and self._model.loaded and self._model.away is None:
                try:
                    await self._ask_usage()
                except (Unreachable, ApiError):
                    continue  # the stream of events tells it

    async def _follow(self) -> None:
        while True:
            try:
                async for one in self._box.events():
                    self._take(one)
                self._cut("The box ended the stream of events.")
            except Unreachable as gone:
                self._cut(gone.sentence)
            except ApiError as refused:
                self._cut(refused.problem.detail)
            except msgspec.MsgspecError:
                self._cut("The box tells events this program does not understand: are both of one version?")
            await asyncio.sleep(_PAUSE)
            self._cut_off = None
            self.refresh()

    def _take(self, one: shapes.Event | Disconnected | Reconnected) -> None:
        match one:
            case Disconnected():
                self._cut(one.sentence)
            case Reconnected():
                self._cut_off = None
                self.refresh()
            case shapes.Event():
                owed = self._model.apply(one)
                self._debt.github |= owed.github
                self._debt.projects |= owed.projects
                if owed.project_id is not None:
                    self._debt.project_ids.add(owed.project_id)
                self._bell.set()
                self._heard(one)
                self._changed()

    async def _pay(self) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            debt, self._debt = self._debt, _Debt(everything=False)
            try:
                await self._ask(debt)
            except (Unreachable, ApiError) as failed:
                self._away(failed.sentence if isinstance(failed, Unreachable) else failed.problem.detail)
                await asyncio.sleep(_PAUSE)
                self.refresh()
            else:
                self._model.away = self._cut_off
                self._changed()

    async def _ask(self, debt: _Debt) -> None:
        model, box = self._model, self._box
        if debt.everything or debt.projects:
            model.replace_projects(await box.projects())
        if debt.everything or debt.github:
            model.github = await box.github_status()
        if debt.everything:
            model.verdicts = (await box.verdicts(limit=_PAGE)).items
            model.loaded = True
            self._changed()  # the first picture waits for nothing more
            await self._ask_usage()
        else:
            for project_id in debt.project_ids:
                await self._ask_project(project_id)
        for project_id in debt.histories:
            await self._ask_history(project_id)

    async def _ask_usage(self) -> None:
        try:
            found = {one.project_id: one for one in await self._box.usage(samples=_SAMPLES)}
        except ApiError as refused:
            if refused.problem.status != 404:
                raise
            return  # an older box, which counts nothing
        if found != self._model.usage:
            self._model.usage = found
            self._changed()

    async def _ask_project(self, project_id: str) -> None:
        try:
            self._model.projects[project_id] = await self._box.project(project_id)
        except ApiError as refused:
            if refused.problem.status != 404:
                raise
            self._model.projects.pop(project_id, None)

    async def _ask_history(self, project_id: str) -> None:
        history = self._model.histories.get(project_id)
        if history is None:
            return
        try:
            history.deployments = (await self._box.deployments(project_id, limit=_PAGE)).items
            history.verdicts = (await self._box.verdicts(project_id, limit=_PAGE)).items
        except ApiError as refused:
            if refused.problem.status != 404:
                raise

    def _cut(self, sentence: str) -> None:
        self._cut_off = sentence
        self._away(sentence)

    def _away(self, sentence: str) -> None:
        self._model.away = sentence
        self._changed()
