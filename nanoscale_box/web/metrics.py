"""The box's figures for Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from aiohttp import web

from nanoscale_box.engine.measuring import BOUNDS, Durations, Measured
from nanoscale_box.engine.sampling import Usage
from nanoscale_box.web.asking import Query
from nanoscale_box.web.counters import IntakeCounters
from nanoscale_box.web.services import Metrics
from nanoscale_box.wire import routes

_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX: Final = "nanoscale_box_"

Sample = tuple[str, float]
"""Labels as they are written, and the value."""


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """The page that Prometheus reads."""

    metrics: Metrics
    counters: IntakeCounters
    version: str

    def mount(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_route("GET", routes.METRICS, self.page)

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Everything at this moment."""
        Query(request)
        measured = await self.metrics.gather()
        lines = [*_of_doors(self.counters, self.version), *_of_engine(measured)]
        return web.Response(body="".join(f"{line}\n" for line in lines).encode(), headers={"Content-Type": _TYPE})


def _of_doors(counters: IntakeCounters, version: str) -> Iterator[str]:
    yield from _family("info", "gauge", "the box's version", [(f'{{version="{version}"}}', 1)])
    yield from _by("deliveries_total", "counter", "deliveries by answer", "status", counters.answered)
    yield from _by("refused_total", "counter", "refused requests on the public door", "code", counters.refused)
    yield from _one("stalled_total", "counter", "connections closed because they stalled", counters.stalled)
    yield from _one("evicted_total", "counter", "connections given up for newer ones", counters.evicted)


def _of_engine(measured: Measured) -> Iterator[str]:
    yield from _by("verdicts_total", "counter", "verdicts given or changed, by outcome", "outcome", measured.verdicts)
    yield from _by("deployments_total", "counter", "deployments that ended, by how", "state", measured.deployments)
    yield from _histogram("step_duration_seconds", "how long a step of a deployment took", measured.steps)
    yield from _one("queue_length", "gauge", "deployments that wait", measured.queued)
    yield from _one("queue_oldest_seconds", "gauge", "how long the oldest has waited", measured.oldest_queued_seconds)
    yield from _one("deployments_running", "gauge", "deployments under way", measured.running)
    yield from _by("projects", "gauge", "projects by what runs of them", "state", measured.projects)
    yield from _one("ingress_up", "gauge", "whether the ingress serves", measured.ingress_up)
    yield from _one("github_connected", "gauge", "whether an account is connected", measured.connected)
    yield from _of_apps(measured.apps)
    if measured.rate:
        yield from _one("github_rate_limit", "gauge", "requests an hour GitHub allows", measured.rate.limit)
        yield from _one("github_rate_remaining", "gauge", "requests that are left of them", measured.rate.remaining)


def _of_apps(apps: Mapping[str, Usage]) -> Iterator[str]:
    """Names of projects are letters, digits and hyphens, and need no quoting."""
    spent = [(f'{{project="{name}"}}', one.cpu_seconds) for name, one in sorted(apps.items())]
    yield from _family("app_cpu_seconds_total", "counter", "processor time seen to be spent by an app", spent)
    held = [
        (f'{{project="{name}"}}', memory)
        for name, one in sorted(apps.items())
        for memory in one.memory_bytes[-1:]
        if memory is not None
    ]
    yield from _family("app_memory_bytes", "gauge", "memory that an app holds", held)


def _one(name: str, kind: str, does: str, value: float) -> Iterator[str]:
    return _family(name, kind, does, [("", value)])


def _by(name: str, kind: str, does: str, label: str, values: Mapping[str, int]) -> Iterator[str]:
    return _family(name, kind, does, [(f'{{{label}="{key}"}}', value) for key, value in sorted(values.items())])


def _histogram(name: str, does: str, steps: Mapping[str, Durations]) -> Iterator[str]:
    yield from _family(name, "histogram", does, [])
    for step, durations in sorted(steps.items()):
        so_far = list(accumulate(durations.counts))
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), so_far, strict=True):
            yield f'{_PREFIX}{name}_bucket{{step="{step}",le="{bound}"}} {count}'
        yield f'{_PREFIX}{name}_sum{{step="{step}"}} {durations.seconds:.3f}'
        yield f'{_PREFIX}{name}_count{{step="{step}"}} {so_far[-1]}'


def _family(name: str, kind: str, does: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {_PREFIX}{name} {does}"
    yield f"# TYPE {_PREFIX}{name} {kind}"
    for labels, value in samples:
        yield f"{_PREFIX}{name}{labels} {float(value):.15g}"
