"""Tells GitHub how each commit's deployment goes, where the owner granted that; a deployment never waits for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nanoscale_box.core.ci import OWN_CONTEXT
from nanoscale_box.core.decide import short
from nanoscale_box.core.errors import BoxError
from nanoscale_box.core.github_model import CommitWord
from nanoscale_box.core.lifecycle import DeploymentState
from nanoscale_box.core.model import Deployment, DeploymentId, Event, EventKind, Link, Project
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.feed import Feed
from nanoscale_box.engine.jobs import Jobs
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.ports import Github
from nanoscale_box.engine.records import Job, Records

TELL: Final = "tell_commit"
STATUSES: Final = "statuses"
DEPLOYMENTS: Final = "deployments"
_REMEMBERED: Final = 500
"""Words kept in memory, so that none is said twice in a row: several events tell of one state."""
_TOLD: Final = frozenset(
    {DeploymentState.BUILDING, DeploymentState.LIVE, DeploymentState.FAILED, DeploymentState.CANCELLED}
)


class Feedback:
    """Reads the event stream and speaks of it; a word that GitHub cannot take just now is said later."""

    def __init__(
        self,
        *,
        desk: Desk,
        github: Github,
        app: AppKeeper,
        jobs: Jobs,
        feed: Feed,
        url_of: Callable[[str], str],
        reason_of: Callable[[DeploymentId], str],
    ) -> None:
        self._ledger = desk.ledger
        self._clock = desk.clock
        self._github = github
        self._app = app
        self._jobs = jobs
        self._feed = feed
        self._url_of = url_of
        self._reason_of = reason_of
        self._said: dict[tuple[DeploymentId, str], CommitWord] = {}
        jobs.serve(TELL, self._tell)

    async def run(self) -> None:
        """Follow the stream until cancelled."""
        seen = await self._feed.last_id()
        while True:
            await self._feed.wait_for(EventKind.DEPLOYMENT, seen)
            events, seen = await self._feed.of_kind(EventKind.DEPLOYMENT, seen)
            for event in events:
                if event.data.get("state") in _TOLD and event.deployment_id:
                    await self._order(event, event.deployment_id)

    async def _order(self, event: Event, deployment_id: DeploymentId) -> None:
        """One job a word; each says how the deployment stands by then, so a word that is late is not a wrong one."""

        def work(records: Records) -> bool:
            deployment = records.deployments.get(deployment_id)
            if deployment is None or self._addressee(records, deployment) is None:
                return False
            payload = json.dumps({"deployment_id": deployment_id})
            records.keeper.add_job(Job(id=f"job_tell_{event.id}", kind=TELL, payload=payload, due_at=self._clock.now()))
            return True

        if await self._ledger.write(work):
            self._jobs.wake()

    async def _tell(self, payload: str) -> None:
        deployment_id = DeploymentId(json.loads(payload)["deployment_id"])

        def work(records: Records) -> tuple[Deployment, _Addressee] | None:
            deployment = records.deployments.get(deployment_id)
            found = self._addressee(records, deployment) if deployment else None
            return (deployment, found) if deployment and found else None

        found = await self._ledger.read(work)
        app = await self._app.current()
        if found is None or app is None:
            return
        deployment, to = found
        word = self._word_of(deployment, to.project)
        if word is None or deployment.sha is None:
            return
        for right, say in ((STATUSES, self._github.set_status), (DEPLOYMENTS, self._github.set_deployment)):
            if right not in to.rights or self._said.get((deployment_id, right)) == word:
                continue
            try:
                await say(app, to.link.installation_id, to.link.repo_id, deployment.sha, word)
            except BoxError as error:
                if error.may_retry:
                    raise
            self._said[deployment_id, right] = word
        while len(self._said) > _REMEMBERED:
            del self._said[next(iter(self._said))]

    def _addressee(self, records: Records, deployment: Deployment) -> _Addressee | None:
        """The project whose repository takes the box's word; None where nobody granted that."""
        project = records.projects.get(deployment.project_id)
        link = project.link if project else None
        installation = records.github.installation(link.installation_id) if link else None
        if project is None or link is None or installation is None or installation.suspended or not link.active:
            return None
        given = installation.permissions
        rights = frozenset(right for right in (STATUSES, DEPLOYMENTS) if given.get(right) in ("write", "admin"))
        return _Addressee(project=project, link=link, rights=rights) if rights else None

    def _word_of(self, deployment: Deployment, project: Project) -> CommitWord | None:
        said = word_of(deployment)
        if said is None:
            return None
        state, sentence = said
        return CommitWord(
            state=state,
            sentence=sentence,
            name=f"{OWN_CONTEXT}{project.name}",
            deployment_id=deployment.id,
            url=self._url_of(project.hosts[0]) if state == "success" else None,
            reason_url=self._reason_of(deployment.id) if state == "failure" else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Addressee:
    """Whose repository takes the box's word, and in which forms."""

    project: Project
    link: Link
    rights: frozenset[str]


def word_of(deployment: Deployment) -> tuple[str, str] | None:
    """How a deployment stands: one of the four words of a commit status, and a sentence; None: nothing to say."""
    match deployment.state:
        case DeploymentState.QUEUED:
            return "pending", f"#{deployment.number} is tried again"
        case DeploymentState.LIVE | DeploymentState.RETIRED:
            return "success", f"{short(deployment.sha)} is live as #{deployment.number}"
        case DeploymentState.FAILED:
            why = deployment.failure.detail if deployment.failure else "see the box"
            return "failure", f"#{deployment.number} failed: {why}"
        case DeploymentState.CANCELLED:
            return "error", f"#{deployment.number} was cancelled"
        case DeploymentState.SUPERSEDED:
            return None
        case _:
            return "pending", f"#{deployment.number} is being deployed"
