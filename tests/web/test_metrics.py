"""Figures in the form Prometheus reads."""

from __future__ import annotations

import re

from aiohttp import ClientSession

from tests.web.fake_engine import FakeEngine

LINE = re.compile(r'(nanoscale_box_\w+)(\{\w+="[^"\\]*"(,\w+="[^"\\]*")*\})? -?[0-9.e+]+')


async def test_every_line_is_one_that_prometheus_reads(local: ClientSession, engine: FakeEngine) -> None:
    engine.counters.answered["accepted"] += 3
    engine.counters.refused["bad_signature"] += 2
    async with local.get("/metrics") as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        lines = (await answer.text()).splitlines()
    kinds = {line.split()[2]: line.split()[3] for line in lines if line.startswith("# TYPE")}
    samples = [line for line in lines if not line.startswith("#")]
    for sample in samples:
        matched = LINE.fullmatch(sample)
        assert matched, sample
        family = re.sub(r"_(bucket|sum|count)$", "", matched[1])
        assert matched[1] in kinds or kinds[family] == "histogram"
    assert 'nanoscale_box_deliveries_total{status="accepted"} 3' in samples
    assert 'nanoscale_box_refused_total{code="bad_signature"} 2' in samples
    assert 'nanoscale_box_step_duration_seconds_bucket{step="fetch",le="0.5"} 2' in samples
    assert 'nanoscale_box_step_duration_seconds_bucket{step="fetch",le="+Inf"} 3' in samples
    assert "nanoscale_box_github_rate_remaining 4321" in samples
    assert 'nanoscale_box_app_cpu_seconds_total{project="hello"} 8.125' in samples
    assert 'nanoscale_box_app_memory_bytes{project="hello"} 84000000' in samples
