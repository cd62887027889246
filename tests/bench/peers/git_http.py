"""Serves the bare repositories of a folder with `git http-backend` over HTTP/1.1, one thread a connection: python -m
tests.bench.peers.git_http PORT FOLDER."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

_CONFIG: Final = {"uploadpack.allowAnySHA1InWant": "true", "safe.directory": "*"}
_PIECE: Final = 1 << 16
_ROOT: Final = sys.argv[2] if len(sys.argv) > 2 else "."


class Backend(BaseHTTPRequestHandler):
    """Hands each request to git, and git's answer on as it comes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Until the other side has what it wants, whatever it leaves unread."""
        with suppress(ConnectionResetError):
            super().handle()

    def do_GET(self) -> None:
        """The advertisement."""
        self._serve(b"")

    def do_POST(self) -> None:
        """A service; large requests come in chunks or packed, which `git http-backend` unpacks itself."""
        self._serve(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        """A bench says what it has to say itself."""

    def _serve(self, body: bytes) -> None:
        process = subprocess.Popen(
            ["git", "http-backend"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environment(len(body)),
        )
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("git http-backend was started without pipes.")
        process.stdin.write(body)
        process.stdin.close()
        headers = {}
        while line := process.stdout.readline().decode().strip():
            name, _, value = line.partition(": ")
            headers[name] = value
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while piece := process.stdout.read1(_PIECE):  # type: ignore[attr-defined]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")
        process.wait()

    def _environment(self, length: int) -> dict[str, str]:
        parts = urlsplit(self.path)
        found = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_PROJECT_ROOT": _ROOT,
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(length),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
            "GIT_CONFIG_COUNT": str(len(_CONFIG)),
        }
        for number, (key, value) in enumerate(_CONFIG.items()):
            found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return found


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Backend).serve_forever()
