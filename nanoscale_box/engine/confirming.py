"""Asks the source itself what a project's head is: of its branch, or the newest of its tags."""

from __future__ import annotations

from dataclasses import dataclass

from nanoscale_box.core.errors import Code, DeployFailed
from nanoscale_box.core.model import Project, Sha
from nanoscale_box.core.tags import TAGS, followed_ref
from nanoscale_box.engine.ports import Remote, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """Where the head is, as the source says now."""

    ref: str
    sha: Sha

    @property
    def name(self) -> str:
        """The branch or the tag."""
        return self.ref.split("/", 2)[2]


async def confirmed(source: Source, remote: Remote, project: Project, *, made: bool = True) -> Confirmed:
    """The head; `DeployFailed` `branch_missing` when there is none. `made`: whether there is such a project already."""

    def change(option: str) -> str:
        return f": nanoscale-box projects set {project.name} {option}" if made else ""

    pattern = project.settings.tag_pattern
    if pattern is not None:
        tag = await source.newest_tag(remote, pattern)
        if tag is None:
            raise DeployFailed(
                Code.BRANCH_MISSING,
                f"the repository has no tag like {pattern}",
                hint=f"push one, or choose others{change('--tag-pattern GLOB')}",
            )
        return Confirmed(ref=f"{TAGS}{tag[0]}", sha=tag[1])
    sha = await source.head(remote, project.branch)
    if sha is None:
        raise DeployFailed(
            Code.BRANCH_MISSING,
            f"the repository has no branch {project.branch}",
            hint=f"push it, or choose another{change('--branch NAME')}",
        )
    return Confirmed(ref=followed_ref(project), sha=sha)
