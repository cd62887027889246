"""The two pages a browser sees: the form that posts the App's manifest to GitHub, and where it lands afterwards."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from typing import Final
from urllib.parse import quote, urlsplit

from aiohttp import web

from nanoscale_box.engine.views import ManifestForm

_STYLE: Final = (
    ":root{color-scheme:light dark;--ink:#1b1f24;--soft:#59636e;--paper:#fff;--ground:#f6f7f9;--line:#d9dee3;"
    "--mood:#6e7781;--good:#1a7f37;--bad:#cf222e;--go:#1f6feb}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9198a1;--paper:#161b22;--ground:#0d1117;"
    "--line:#30363d;--mood:#9198a1;--good:#3fb950;--bad:#f85149}}"
    "*{box-sizing:border-box}"
    "body{margin:0;min-height:100vh;display:grid;place-content:center;padding:1rem;font:1rem/1.5 system-ui,sans-serif;"
    "background:var(--ground);color:var(--ink)}"
    "main{width:min(30rem,100vw - 2rem);padding:1.75rem 2rem 2rem;border:1px solid var(--line);border-radius:12px;"
    "background:var(--paper);overflow-wrap:anywhere}"
    ".box{display:flex;align-items:center;gap:.5rem;margin:0 0 1.5rem;color:var(--soft);font-size:.9rem}"
    ".box svg{width:1.1rem;height:1.1rem}"
    ".good{--mood:var(--good)}.bad{--mood:var(--bad)}"
    "h1{display:flex;align-items:center;gap:.7rem;margin:0;font-size:1.35rem;line-height:1.3}"
    ".mark{flex:none;width:1.75rem;height:1.75rem;color:var(--mood)}"
    "p{margin:.75rem 0 0}small{color:var(--soft)}"
    "button{font:inherit;font-weight:600;margin-top:1.25rem;padding:.55rem 1.2rem;border:0;border-radius:6px;"
    "background:var(--go);color:#fff;cursor:pointer}"
    "button:focus-visible{outline:3px solid var(--go);outline-offset:2px}"
)
_ICON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="none" stroke="{ink}" stroke-width="1.5" '
    'stroke-linejoin="round"><path d="M8 1.5 14 5v6.5l-6 3-6-3V5zM2 5l6 3 6-3M8 8v6.5"/></svg>'
)
_MARK: Final = (
    '<svg class="mark" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" '
    'stroke-linejoin="round" aria-hidden="true"><circle cx="12" cy="12" r="10"/><path d="{}"/></svg>'
)
_MARKS: Final = {"good": "m7.5 12.5 3 3 6-6.5", "bad": "M12 7v6m0 3.5v.01", "": "M8 12h.01m3.99 0h.01m3.99 0h.01"}
_TAB_ICON: Final = _ICON.format(ink="#1f6feb")
_SENDER: Final = f'<p class="box">{_ICON.format(ink="currentColor")}nanoscale-box</p>'
_SCRIPT: Final = "document.forms[0].submit()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the landing page says."""

    mood: str
    title: str
    text: str


RESULTS: Final[dict[str, Words]] = {
    "connected": Words(
        mood="good", title="GitHub is connected", text="You can close this page and go on in the terminal."
    ),
    "requested": Words(
        mood="", title="Waiting for approval", text="An owner of the organisation must approve the installation. "
        "Once that is done, connect again from the terminal."
    ),
    "denied": Words(
        mood="bad", title="You said no", text="GitHub was not connected. "
        "If that was a slip, start again from the terminal."
    ),
    "expired": Words(
        mood="bad", title="This link is used up", text="It works once, for ten minutes, in the order it was given out. "
        "If GitHub is connected already, it stays so; if not, start again from the terminal."
    ),
    "forbidden": Words(
        mood="bad", title="That account cannot be connected", text="The installation does not belong to the account "
        "that signed in. Sign in to GitHub with the right account and start again from the terminal."
    ),
    "unreachable": Words(
        mood="bad", title="GitHub did not answer", text="Nothing was changed. Try again in a moment from the terminal."
    ),
    "failed": Words(
        mood="bad", title="That did not work", text="Nothing was connected. The terminal and the box's log say more; "
        "start again from the terminal."
    ),
}  # fmt: skip
_UNKNOWN: Final = Words(mood="", title="nanoscale-box", text="How things stand with GitHub shows in the terminal.")


def landing(result: str) -> web.Response:
    """Where the browser lands; only known results change what it says, so nobody can put words on it."""
    words = RESULTS.get(result, _UNKNOWN)
    heading = f"<h1>{_MARK.format(_MARKS[words.mood])}{escape(words.title)}</h1>"
    body = f'<main class="{words.mood}">{_SENDER}{heading}<p>{escape(words.text)}</p></main>'
    return _page(words.title, body, form_action="'none'")


def deployment(number: int, state: str, reason: str) -> web.Response:
    """How a deployment stands, for whoever was given the link on GitHub; the log stays at home."""
    failed = state == "failed"
    title = f"Deployment #{number} {'failed' if failed else f'is {state}'}"
    heading = f"<h1>{_MARK.format(_MARKS['bad' if failed else ''])}{escape(title)}</h1>"
    more = "What ran before goes on running. " if failed else ""
    text = f"<p>{escape(reason)}</p><p><small>{more}The whole log is in the terminal of the box.</small></p>"
    return _page(
        title, f'<main class="{"bad" if failed else ""}">{_SENDER}{heading}{text}</main>', form_action="'none'"
    )


def manifest(form: ManifestForm) -> web.Response:
    """A form that posts itself to GitHub, with a button for browsers that run no scripts."""
    action = urlsplit(form.action)
    body = (
        f"<main>{_SENDER}<h1>On to GitHub</h1><p>GitHub shows what the box asks for and makes its App.</p>"
        f'<form method="post" action="{escape(form.action)}">'
        f'<input type="hidden" name="manifest" value="{escape(form.manifest)}">'
        "<button>Continue to GitHub</button></form>"
        f"<p><small>at {escape(action.netloc)}</small></p></main><script>{_SCRIPT}</script>"
    )
    return _page("On to GitHub", body, form_action=f"{action.scheme}://{action.netloc}")


def _page(title: str, body: str, *, form_action: str) -> web.Response:
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f'<title>{escape(title)} · nanoscale-box</title><link rel="icon" href="data:image/svg+xml,{quote(_TAB_ICON)}">'
        f"<style>{_STYLE}</style></head><body>{body}</body></html>"
    )
    policy = (
        f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; img-src data:; "
        f"form-action {form_action}; base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "X-Frame-Options": "DENY"}
    return web.Response(text=html, content_type="text/html", charset="utf-8", headers=headers)


def _hash(inline: str) -> str:
    return f"'sha256-{b64encode(sha256(inline.encode()).digest()).decode()}'"
