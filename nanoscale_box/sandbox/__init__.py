"""A simulated GitHub: REST, OAuth, manifest, git over HTTP, webhooks and faults, for the demo and the tests.

Start it as `python -m nanoscale_box.sandbox`, or in a test with `async with Sandbox(home=path) as sandbox:`.
"""

from __future__ import annotations

from .server import Sandbox
from .settings import GitBackend, RateLimits, Settings, TokenFormat

__all__ = ["GitBackend", "RateLimits", "Sandbox", "Settings", "TokenFormat"]
