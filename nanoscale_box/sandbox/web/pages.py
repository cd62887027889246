"""Plain HTML pages: one layout, forms that need no script, and who is signed in."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web

from ..model import Account, Repo
from ..world import World, world_of

COOKIE = "sandbox_user"
STYLE = """
:root { color-scheme: light dark; --line: #d0d7de; --ink: #1f2328; --soft: #59636e; --paper: #fff; --bar: #6e40c9;
  --bad: #cf222e; --link: #0969da; }
@media (prefers-color-scheme: dark) { :root { --line: #3d444d; --ink: #f0f6fc; --soft: #9198a1; --paper: #0d1117;
  --bad: #f85149; --link: #4493f8; } }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
body { overflow-wrap: anywhere; }
.bar { background: var(--bar); color: #fff; padding: .6rem 1.5rem; font-weight: 600; }
.bar { display: flex; flex-wrap: wrap; gap: .2rem 1rem; }
.bar span { margin-left: auto; font-weight: 400; }
main { max-width: 40rem; margin: 2.5rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.5rem; }
.card { border: 1px solid var(--line); border-radius: .5rem; padding: 1rem 1.5rem; margin: 1rem 0; }
.soft { color: var(--soft); } .bad { color: var(--bad); }
.tag { border: 1px solid var(--line); border-radius: 1rem; padding: 0 .5rem; font-size: .8rem; color: var(--soft); }
button { font: inherit; padding: .45rem 1.2rem; border-radius: .4rem; border: 1px solid var(--line); cursor: pointer; }
button.go { background: #1f883d; border-color: #1f883d; color: #fff; font-weight: 600; }
button { margin-top: .5rem; }
form.side { display: inline-block; margin-right: .5rem; }
label { display: block; padding: .15rem 0; }
input[type=text] { font: inherit; padding: .35rem .6rem; width: 20rem; max-width: 100%; }
.scroll { max-height: 18rem; overflow: auto; border: 1px solid var(--line); border-radius: .4rem; padding: .5rem 1rem; }
code { font-size: .9em; } a { color: var(--link); }
"""


class PageError(Exception):
    """A page that says why something cannot be done."""

    def __init__(self, status: int, title: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.title = title
        self.text = text


def page(title: str, body: str, *, user: Account | None = None, status: int = 200) -> web.Response:
    who = f"<span>signed in as <b>{escape(user.login)}</b></span>" if user is not None else ""
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)} · Sandbox GitHub</title>'
        f'<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f"<style>{STYLE}</style></head><body>"
        f'<div class="bar">Sandbox GitHub \u2013 not github.com{who}</div><main><h1>{escape(title)}</h1>{body}</main>'
        "</body></html>"
    )
    return web.Response(text=html, content_type="text/html", status=status, headers={"Cache-Control": "no-store"})


def error_page(error: PageError) -> web.Response:
    return page(error.title, f'<p class="bad">{escape(error.text)}</p>', status=error.status)


def form(world: World, action: str, hidden: Mapping[str, str], inner: str, *, name: str = "", css: str = "") -> str:
    """A POST form; its hidden fields carry the flow, so that a client without a browser can walk it too."""
    fields = {"authenticity_token": world.state.form_token, **hidden}
    inputs = "".join(f'<input type="hidden" name="{escape(k)}" value="{escape(v)}">' for k, v in fields.items())
    marks = f' id="{escape(name)}"' if name else ""
    marks += f' class="{css}"' if css else ""
    return f'<form method="post" action="{escape(action)}"{marks}>{inputs}{inner}</form>'


def button(text: str, *, go: bool = True) -> str:
    return f'<button type="submit"{" class=go" if go else ""}>{escape(text)}</button>'


def private_mark(repo: Repo) -> str:
    """What stands beside the name of a repository that not everybody may see."""
    return ' <span class="tag">private</span>' if repo.private else ""


def choice(kind: str, name: str, value: str, text: str, *, checked: bool) -> str:
    """A radio button or a checkbox with its label; `text` is HTML already."""
    mark = " checked" if checked else ""
    return f'<label><input type="{kind}" name="{name}" value="{escape(value)}"{mark}> {text}</label>'


async def posted(request: web.Request) -> dict[str, list[str]]:
    """The fields of a form that this sandbox made; a form from another site is refused."""
    data = await request.post()
    found: dict[str, list[str]] = {}
    for key, value in data.items():
        if isinstance(value, str):
            found.setdefault(key, []).append(value)
    token = "".join(found.pop("authenticity_token", []))
    if not secrets.compare_digest(token.encode(), world_of(request).state.form_token.encode()):
        raise PageError(
            422, "Your browser did something unexpected", "Open the page again and send its form from there."
        )
    return found


def first(fields: Mapping[str, list[str]], name: str, usual: str = "") -> str:
    return fields.get(name, [usual])[0]


def browser_user(request: web.Request) -> Account:
    """Who sits in front of the browser: the cookie's account, else the sandbox's usual one."""
    state = world_of(request).state
    found = state.account(request.cookies.get(COOKIE, "")) or state.account(state.browser_login)
    if found is None:
        raise PageError(401, "Nobody is signed in", "Choose an account at /login.")
    return found


def go_to(url: str, **query: str | int | None) -> web.Response:
    """302 to `url` with these parameters added to those it has."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    pairs += [(name, str(value)) for name, value in query.items() if value is not None]
    target = urlunsplit(parts._replace(query=urlencode(pairs)))
    return web.Response(status=302, headers={"Location": target, "Cache-Control": "no-store"})
