"""The two pages a browser sees: the form that posts the App's manifest to GitHub, and where it lands afterwards."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from nanoscale_box.engine.views import ManifestForm

_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{margin:0;min-height:100vh;display:grid;place-items:center;font:16px/1.5 system-ui,sans-serif;"
    "background:#f6f7f9;color:#1b1f24}"
    "main{max-width:30rem;margin:1.5rem;padding:2rem;border-radius:12px;background:#fff;border-top:4px solid #8b949e;"
    "box-shadow:0 1px 3px #0002}"
    "main.good{border-color:#2da44e}main.bad{border-color:#cf222e}"
    "h1{font-size:1.35rem;margin:0 0 .5rem}p{margin:.5rem 0 0}small{color:#6b737c}"
    "button{font:inherit;margin-top:1rem;padding:.5rem 1rem;border:0;border-radius:6px;background:#1f6feb;color:#fff;"
    "cursor:pointer}"
    "@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}main{background:#161b22}small{color:#8b949e}}"
)
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
        "Start again from the terminal."
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
    body = f'<main class="{words.mood}"><h1>{escape(words.title)}</h1><p>{escape(words.text)}</p></main>'
    return _page(words.title, body, form_action="'none'")


def manifest(form: ManifestForm) -> web.Response:
    """A form that posts itself to GitHub, with a button for browsers that run no scripts."""
    action = urlsplit(form.action)
    body = (
        "<main><h1>On to GitHub</h1><p>GitHub shows what the box asks for and makes its App.</p>"
        f'<form method="post" action="{escape(form.action)}">'
        f'<input type="hidden" name="manifest" value="{escape(form.manifest)}">'
        "<button>Continue to GitHub</button></form>"
        f"<p><small>{escape(action.netloc)}</small></p></main><script>{_SCRIPT}</script>"
    )
    return _page("On to GitHub", body, form_action=f"{action.scheme}://{action.netloc}")


def _page(title: str, body: str, *, form_action: str) -> web.Response:
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{body}</body></html>"
    )
    policy = (
        f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; form-action {form_action}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "X-Frame-Options": "DENY"}
    return web.Response(text=html, content_type="text/html", charset="utf-8", headers=headers)


def _hash(inline: str) -> str:
    return f"'sha256-{b64encode(sha256(inline.encode()).digest()).decode()}'"
