"""Asks GitHub how far the head of a branch is from what runs, once for each pair of commits."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from nanoscale_box.core.errors import BoxError
from nanoscale_box.core.github_model import Comparison
from nanoscale_box.core.model import Project, RepoId, Sha
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.ports import Github

_KEPT: Final = 500
_Pair = tuple[RepoId, Sha, Sha]


class Comparing:
    """What two commits differ in does not change, so an answer is kept. Each question counts against GitHub's limit."""

    def __init__(self, *, github: Github, app: AppKeeper) -> None:
        self._github = github
        self._app = app
        self._kept: OrderedDict[_Pair, Comparison | None] = OrderedDict()

    async def compare(self, project: Project, live: Sha, head: Sha) -> Comparison | None:
        """How `head` stands to what is live; None when nobody knows. Only GitHub can tell: a manual project's mirror
        holds no history."""
        if project.link is None:
            return None
        pair = (project.link.repo_id, live, head)
        if pair not in self._kept:
            app = await self._app.required()
            link = project.link
            self._kept[pair] = await self._github.compare(app, link.installation_id, link.repo_id, live, head)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[pair]

    async def changed(self, project: Project, live: Sha, head: Sha) -> frozenset[str] | None:
        """The paths that differ; None when nobody knows, or cannot say now: what is not known is deployed."""
        try:
            compared = await self.compare(project, live, head)
        except BoxError:
            return None
        return compared.changed if compared else None
