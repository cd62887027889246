"""A browser without a screen: follows redirects, reads forms and sends them, as the owner's click would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Self
from urllib.parse import urljoin

import aiohttp


@dataclass(slots=True)
class Form:
    """A form of a page and the fields it would send."""

    id: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page that was reached, redirects followed."""

    url: str
    status: int
    text: str
    forms: tuple[Form, ...]

    def form(self, form_id: str | None = None) -> Form:
        """The form of that id, or the first one; `LookupError` when the page has none."""
        for one in self.forms:
            if form_id in (None, one.id):
                return one
        raise LookupError(f"the page {self.url.partition('?')[0]} ({self.status}) has no form {form_id or ''}")


class Browser:
    """Keeps cookies between pages."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True),  # cookies for loopback addresses too
            timeout=aiohttp.ClientTimeout(total=15),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def open(self, url: str) -> Page:
        """Go to a page."""
        async with self._session.get(url) as answer:
            return await _page(answer)

    async def send(self, page: Page, form_id: str | None = None, **choices: str) -> Page:
        """Send a form of the page, with some fields chosen by the owner."""
        form = page.form(form_id)
        return await self.post(urljoin(page.url, form.action), {**form.fields, **choices})

    async def post(self, url: str, fields: Mapping[str, str]) -> Page:
        """Send fields as a form would."""
        async with self._session.post(url, data=dict(fields), headers={"Origin": _origin(url)}) as answer:
            return await _page(answer)


class _Reader(HTMLParser):
    """Collects forms; of radio buttons and checkboxes, those that are checked."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(id=given.get("id", ""), action=given.get("action", "")))
        elif tag in ("input", "textarea") and self.forms and given.get("name"):
            chosen = given.get("type") not in ("radio", "checkbox") or "checked" in given
            if chosen:
                self.forms[-1].fields[given["name"]] = given.get("value", "on")


async def _page(answer: aiohttp.ClientResponse) -> Page:
    text = await answer.text()
    reader = _Reader()
    reader.feed(text)
    return Page(url=str(answer.url), status=answer.status, text=text, forms=tuple(reader.forms))


def _origin(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])
