"""A box that is killed at random while pushes come in loses none of them and deploys none of them twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.kills import Size, campaign
from tests.needs import needs_caddy
from tests.size import SIZE

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180 + 15 * SIZE)]


async def test_killed_at_random(tmp_path: Path) -> None:
    needs_caddy()
    size = Size(kills=4 * SIZE, deliveries=40 * SIZE, seconds=60 + 10 * SIZE, sites=1, apps=1)
    figures = await campaign(tmp_path, size, seed=SIZE)
    assert figures.kept, figures.as_json()
    assert figures.kills >= 4 and figures.acknowledged >= 40 and figures.pushes > 4 and figures.visits > 0
