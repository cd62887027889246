"""Pages and the `Link` header that leads through them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from aiohttp import web

from ..model import Repo
from ..world import world_of

Item = TypeVar("Item")
MOST_PER_PAGE = 100
USUAL_PER_PAGE = 30


def per_page(request: web.Request) -> int:
    return min(max(1, _number(request, "per_page", USUAL_PER_PAGE)), MOST_PER_PAGE)


def _number(request: web.Request, name: str, usual: int) -> int:
    text = request.query.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else usual


def page(request: web.Request, items: Sequence[Item], repo: Repo | None = None) -> tuple[list[Item], dict[str, str]]:
    """One page of `items` by number, with its `Link` header. A repository's links go by its id, as at GitHub."""
    size, number = per_page(request), max(1, _number(request, "page", 1))
    last = max(1, -(-len(items) // size))
    near: dict[str, int] = {}
    if number > 1:
        near |= {"prev": number - 1, "first": 1}
    if number < last:
        near |= {"next": number + 1, "last": last}
    links = [f'<{_address(request, repo, page=str(target))}>; rel="{name}"' for name, target in near.items()]
    chosen = list(items[(number - 1) * size : number * size])
    return chosen, {"Link": ", ".join(links)} if links else {}


def cursor_page(request: web.Request, items: Sequence[Item], ids: Sequence[int]) -> tuple[list[Item], dict[str, str]]:
    """One page of `items`, newest first, after the one whose id is the cursor's."""
    size, start = per_page(request), 0
    cursor = request.query.get("cursor", "").removeprefix("v1_")
    if cursor.isascii() and cursor.isdigit():
        start = next((place for place, one in enumerate(ids) if one < int(cursor)), len(ids))
    chosen = list(items[start : start + size])
    if start + size >= len(items):
        return chosen, {}
    following = _address(request, None, cursor=f"v1_{ids[start + size - 1]}")
    return chosen, {"Link": f'<{following}>; rel="next"'}


def _address(request: web.Request, repo: Repo | None, **changed: str) -> str:
    world = world_of(request)
    url = request.rel_url.update_query(changed)
    text = str(url)
    if repo is not None and "/repos/" in text:
        text = f"/api/v3/repositories/{repo.id}/" + text.split("/", 6)[6]
    return world.url + text
