"""A receiver that checks the signature and nothing else, as the smallest aiohttp application.

python -m tests.bench.peers.bare_aiohttp PORT SECRET
"""

from __future__ import annotations

import hmac
import sys

from aiohttp import web


def application(secret: bytes) -> web.Application:
    """One route: 200 when the body is signed, 401 when not."""

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        given = request.headers.get("X-Hub-Signature-256", "").encode("latin-1")
        if not hmac.compare_digest(b"sha256=" + hmac.digest(secret, body, "sha256").hex().encode(), given):
            return web.Response(status=401)
        return web.Response(text="ok")

    app = web.Application(client_max_size=25 * 1024 * 1024)
    app.router.add_post("/api/integrations/github/webhook", receive)
    return app


if __name__ == "__main__":
    web.run_app(
        application(sys.argv[2].encode()),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=None,
        print=lambda *_: None,
    )
