"""The public door's browser side: ways back from GitHub, two pages, and nothing else."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html import unescape

import pytest
from aiohttp import ClientSession

from nanoscale_box.core.errors import BoxError, Code, Conflict, Fault, Forbidden, Unauthorized, Unavailable
from nanoscale_box.engine.views import ManifestForm
from nanoscale_box.web.pages import RESULTS
from nanoscale_box.wire import routes
from tests.web.fake_engine import FakeEngine

SCRIPT = "</script><script>alert(1)</script>"


async def lands(browser: ClientSession, path: str) -> tuple[int, str]:
    async with browser.get(path, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", "")


async def page(browser: ClientSession, path: str) -> tuple[str, dict[str, str]]:
    async with browser.get(path) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/html"
        return await answer.text(), dict(answer.headers)


async def test_the_callback_hands_on_what_github_said(browser: ClientSession, engine: FakeEngine) -> None:
    assert await lands(browser, f"{routes.CALLBACK}?code=c&state=s") == (302, "/integrations/github?result=connected")
    assert engine.accounts.asked == [("callback", ("c", "s", None))]


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        (Unauthorized(Code.GITHUB_STATE, "used"), "expired"),
        (Unauthorized(Code.GITHUB_DENIED, "no"), "denied"),
        (Conflict(Code.GITHUB_DENIED, "an owner must approve"), "requested"),
        (Forbidden(Code.FORBIDDEN, "not yours"), "forbidden"),
        (Unavailable(Code.GITHUB_UNREACHABLE, "down", fault=Fault.GITHUB), "unreachable"),
        (BoxError(Code.SEAL_BROKEN, "broken", fault=Fault.BOX), "failed"),
    ],
)
@pytest.mark.parametrize("way", [routes.CALLBACK, routes.MANIFEST_RETURN, routes.SETUP_RETURN, routes.MANIFEST_PAGE])
async def test_every_refusal_lands_on_a_page_that_says_so(
    browser: ClientSession, engine: FakeEngine, way: str, fault: BoxError, result: str
) -> None:
    engine.accounts.fault = fault
    assert await lands(browser, f"{way}?state=s&error={SCRIPT}") == (302, f"/integrations/github?result={result}")
    text, _ = await page(browser, f"/integrations/github?result={result}")
    assert unescape(text).count(RESULTS[result].title) >= 1


async def test_the_ways_back_go_where_the_engine_says(browser: ClientSession, engine: FakeEngine) -> None:
    evil = "?code=c&state=s&installation_id=1&setup_action=install"
    assert await lands(browser, routes.MANIFEST_RETURN + evil) == (
        302,
        "https://github.test/apps/box/installations/new",
    )
    assert await lands(browser, routes.SETUP_RETURN + evil) == (302, "https://github.test/login/oauth/authorize")
    assert engine.accounts.asked == [("registered", ("c", "s")), ("installed", ("1", "install", "s"))]


async def test_host_and_proxy_headers_change_nothing(browser: ClientSession) -> None:
    evil = {"Host": "evil.test", "X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "gopher", "Forwarded": "host=e"}
    async with browser.get(f"{routes.CALLBACK}?code=c", headers=evil, allow_redirects=False) as answer:
        assert answer.headers["Location"] == "/integrations/github?result=connected"
    async with browser.get(routes.MANIFEST_PAGE, headers=evil) as answer:
        assert "evil" not in await answer.text()
        assert "evil" not in str(answer.headers)


async def test_every_answer_is_sealed(browser: ClientSession) -> None:
    for path in (routes.LANDING, routes.HEALTHZ, routes.MANIFEST_PAGE, "/nowhere"):
        async with browser.get(path) as answer:
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "Server" not in answer.headers


@pytest.mark.parametrize("result", ["", SCRIPT, '"><img src=x onerror=alert(1)>', "connected'", "../x", "\0"])
async def test_nobody_puts_words_on_the_landing_page(browser: ClientSession, result: str) -> None:
    async with browser.get(routes.LANDING, params={"result": result}) as answer:
        text = await answer.text()
    assert "alert" not in text
    assert "<script" not in text
    assert "nanoscale-box" in text


async def test_the_landing_page_runs_nothing(browser: ClientSession) -> None:
    text, headers = await page(browser, f"{routes.LANDING}?result=connected")
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "form-action 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert allowed_inline(text, "style", policy)


async def test_the_manifest_page_posts_itself(browser: ClientSession, engine: FakeEngine) -> None:
    manifest = json.dumps({"name": f"box {SCRIPT}\"'&<>"})
    engine.accounts.form = ManifestForm(
        action="https://github.test:8443/settings/apps/new?state=a&b='\">", manifest=manifest
    )
    text, headers = await page(browser, f"{routes.MANIFEST_PAGE}?state=the-state")
    assert engine.accounts.asked == [("form", "the-state")]
    field = re.search(r'name="manifest" value="([^"]*)"', text)
    action = re.search(r'<form method="post" action="([^"]*)"', text)
    assert field is not None
    assert action is not None
    assert unescape(field[1]) == manifest
    assert unescape(action[1]) == "https://github.test:8443/settings/apps/new?state=a&b='\">"
    assert "<button>Continue to GitHub</button>" in text
    assert "alert(1)</script>" not in text
    policy = headers["Content-Security-Policy"]
    assert "form-action https://github.test:8443;" in policy
    assert allowed_inline(text, "script", policy)
    assert allowed_inline(text, "style", policy)


def allowed_inline(text: str, tag: str, policy: str) -> bool:
    """Whether the page's one inline element is the one its policy names."""
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    digest = b64encode(sha256(found[0].encode()).digest()).decode()
    return len(found) == 1 and f"{tag}-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", routes.PROJECTS, 404),
        ("GET", routes.EVENTS, 404),
        ("POST", routes.START, 404),
        ("GET", routes.GITHUB_STATUS, 404),
        ("GET", "/..%2f..%2fetc/passwd", 404),
        ("GET", routes.WEBHOOK, 405),
        ("POST", routes.HEALTHZ, 405),
        ("HEAD", routes.CALLBACK, 405),
        ("OPTIONS", routes.WEBHOOK, 405),
    ],
)
async def test_there_is_nothing_else(browser: ClientSession, method: str, path: str, status: int) -> None:
    async with browser.request(method, path) as answer:
        assert answer.status == status
        assert answer.content_type == "application/problem+json"
        body = await answer.read()
    if method != "HEAD":
        problem = json.loads(body)
        assert problem["code"] == ("not_found" if status == 404 else "method_not_allowed")
        assert problem["status"] == status
        assert problem["detail"]


async def test_a_sign_of_life(browser: ClientSession) -> None:
    async with browser.get(routes.HEALTHZ) as answer:
        assert await answer.json() == {"status": "ok"}
