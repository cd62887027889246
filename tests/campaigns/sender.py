"""Who sends the pushes of a campaign, as a process of its own; it outlives every death of the box.

    python -m tests.campaigns.sender '{"hub": "http://...", "listen": "127.0.0.1:8787", ...}'

It pushes to the sandbox's repositories and tells the box: once, by two hooks, late, again, or never; between these it
tells of pushes that never were, which the box must look into all the same. Every answer becomes a line in the log. It
ends at the end of its standard input.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import deque
from dataclasses import dataclass, field
from typing import TextIO

import aiohttp
import msgspec

from tests.campaigns.hub import Hub
from tests.campaigns.postman import Letter, post, push_letter


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What to send. `rumours` is how many made-up pushes come on each real one, `pause` how long each of the
    `connections` rests in between, in seconds."""

    hub: str
    listen: str
    secret: str
    repos: dict[str, int]
    log: str
    rumours: int = 4
    connections: int = 4
    pause: float = 0.02
    seed: int = 0


@dataclass(slots=True, kw_only=True)
class Sender:
    """Sends until it is told to stop."""

    orders: Orders
    log: TextIO
    http: aiohttp.ClientSession
    chance: random.Random
    pages: dict[str, int] = field(default_factory=dict)
    locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    unanswered: deque[Letter] = field(default_factory=deque)
    answered: deque[Letter] = field(default_factory=lambda: deque(maxlen=500))

    async def run(self) -> None:
        """Send over all connections."""
        self.locks = {repo: asyncio.Lock() for repo in self.orders.repos}
        async with asyncio.TaskGroup() as group:
            for _ in range(self.orders.connections):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            repo = self.chance.choice(list(self.orders.repos))
            await self._push(repo)
            for _ in range(self.orders.rumours):
                await self._send(self._rumour(repo), "rumour")
                await asyncio.sleep(self.orders.pause)
            if self.unanswered and self.chance.random() < 0.7:
                await self._send(self.unanswered.popleft(), "late")
            if self.answered and self.chance.random() < 0.3:
                await self._send(self.chance.choice(self.answered), "again")

    async def _push(self, repo: str) -> None:
        """Move the branch, sometimes by force; then have no hook tell it, one, or two."""
        hub = Hub(url=self.orders.hub, api_url="")
        async with self.locks[repo]:
            page = self.pages[repo] = self.pages.get(repo, 0) + 1
            forced = page > 1 and self.chance.random() < 0.1
            moved = await hub.push(repo, {"index.html": str(page), "page.txt": str(page)}, force=forced)
        hooks = self.chance.choice([(), (1,), (1,), (1, 2), (2, 1)])
        letters = [push_letter(self.orders.secret, self.orders.repos[repo], moved, hook_id=hook) for hook in hooks]
        for letter in letters:
            await self._send(letter, "push")

    def _rumour(self, repo: str) -> Letter:
        moved = {name: f"{self.chance.getrandbits(160):040x}" for name in ("before", "after")}
        ref = self.chance.choice(["refs/heads/main", "refs/heads/main", "refs/heads/feature", "refs/tags/v1"])
        return push_letter(self.orders.secret, self.orders.repos[repo], moved, ref=ref)

    async def _send(self, letter: Letter, kind: str) -> None:
        status, told = await post(self.http, self.orders.listen, letter)
        line = {"id": letter.delivery_id, "kind": kind, "status": status, "told": told.get("status")}
        self.log.write(json.dumps(line) + "\n")
        if status == 0:
            self.unanswered.append(letter)
            await asyncio.sleep(0.05)  # nobody is there: the box is dead for the moment
        else:
            self.answered.append(letter)


async def main(orders: Orders) -> None:
    """Send in the background until standard input ends."""
    told = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(told), sys.stdin)
    connector = aiohttp.TCPConnector(force_close=True)
    timeout = aiohttp.ClientTimeout(total=10)
    with open(orders.log, "w", encoding="utf-8", buffering=1) as log:
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
            sender = Sender(orders=orders, log=log, http=http, chance=random.Random(orders.seed))
            sending = asyncio.create_task(sender.run())
            over = asyncio.create_task(told.read())
            await asyncio.wait({sending, over}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
            sending.cancel()
            await asyncio.wait({sending})


if __name__ == "__main__":
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=Orders)))
