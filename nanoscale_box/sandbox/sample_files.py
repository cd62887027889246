"""The files of the sample repositories."""

from __future__ import annotations

HELLO_APP = '''"""A page over HTTP, from the standard library alone."""

import os
import pathlib
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = pathlib.Path(__file__).resolve().parent / "dist" / "index.html"


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/healthz":
            self.answer(200, "text/plain; charset=utf-8", b"ok")
        elif path == "/":
            self.answer(200, "text/html; charset=utf-8", PAGE.read_bytes())
        else:
            self.answer(404, "text/plain; charset=utf-8", b"not found")

    do_HEAD = do_GET

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000")))
    server = ThreadingHTTPServer(address, Page)
    server.daemon_threads = True
    print(f"hello listens on http://{address[0]}:{address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
'''

HELLO_BUILD = '''"""Makes dist/index.html from page.txt."""

import html
import pathlib
import sys

text = pathlib.Path("page.txt").read_text(encoding="utf-8").strip()
if "BROKEN" in text:
    sys.exit("build.py: page.txt says BROKEN, so there is nothing sensible to build. Fix page.txt and push again.")
page = "<!doctype html>\\n<meta charset=utf-8>\\n<title>hello</title>\\n<h1>" + html.escape(text) + "</h1>\\n"
target = pathlib.Path("dist")
target.mkdir(exist_ok=True)
(target / "index.html").write_text(page, encoding="utf-8")
print("built dist/index.html from page.txt")
'''

HELLO_TOML = """build_command = "python3 build.py"
run_command = "python3 app.py"

[health]
path = "/healthz"
"""

API_APP = '''"""A tiny JSON service."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Api(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"path": self.path, "service": "api"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    HTTPServer((os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))), Api).serve_forever()


if __name__ == "__main__":
    main()
'''

API_PROJECT = """[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "api"
version = "0.1.0"
requires-python = ">=3.9"

[project.scripts]
api = "app:main"

[tool.setuptools]
py-modules = ["app"]
"""

NODE_PACKAGE = """{
  "name": "node-app",
  "version": "1.0.0",
  "private": true,
  "scripts": {
    "start": "node server.js"
  }
}
"""

NODE_SERVER = """const http = require("http");

const server = http.createServer((request, response) => {
  response.setHeader("Content-Type", "text/plain; charset=utf-8");
  response.end("Hello from node-app\\n");
});

process.on("SIGTERM", () => process.exit(0));
server.listen(Number(process.env.PORT || 3000), process.env.HOST || "127.0.0.1");
"""

SITE_INDEX = """<!doctype html>
<meta charset="utf-8">
<title>Website</title>
<link rel="stylesheet" href="assets/style.css">
<h1>A static site</h1>
<p><a href="docs/guide/">The guide</a></p>
<script src="assets/app.js"></script>
"""

FEATURE_PAGE = "Hello from the branch feature/x\n"

HELLO = {
    "README.md": "# hello\n\nThe sample app: one page, made by build.py, served by app.py.\n",
    "app.py": HELLO_APP,
    "build.py": HELLO_BUILD,
    "nanoscale.toml": HELLO_TOML,
    "page.txt": "Hello from nanoscale-box, version 1\n",
}

PROCFILE_APP = {
    "README.md": "# sample\n",
    "Procfile": "web: python3 app.py\n",
    "app.py": API_APP,
}

SEEDS: dict[str, dict[str, str]] = {
    "hello": HELLO,
    "website": {
        "index.html": SITE_INDEX,
        "assets/style.css": "body { font: 16px/1.5 system-ui, sans-serif; margin: 3rem; }\n",
        "assets/app.js": 'document.title = "Website";\n',
        "docs/guide/index.html": "<!doctype html>\n<meta charset=utf-8>\n<title>Guide</title>\n<h1>The guide</h1>\n",
    },
    "api": {"README.md": "# api\n", "app.py": API_APP, "pyproject.toml": API_PROJECT},
    "node-app": {"package.json": NODE_PACKAGE, "server.js": NODE_SERVER},
    "engine": PROCFILE_APP,
    "empty-app": PROCFILE_APP,
}
