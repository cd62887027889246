"""Branches and clone URLs that must be refused, wherever they are given."""

from __future__ import annotations

from typing import Final

SECRET: Final = "hunter2hunter2"
BAD_BRANCHES: Final = [
    "--upload-pack=touch /tmp/x", "-x", "main; touch /tmp/x", "main;x", "$(id)", "`id`", "a|b", "a&b",
    "../../etc/passwd", "a..b", "a//b", "/a", "a/",
     ".hidden", "a/.hidden", "x.lock", "x.lock/y", "main~1", "a:b", "a*", "a?", "a[b", "a\\b", "a^b", "@", "a@{b",
     "main\n", "main\x00", "\x1b[2Jx",
     "a\x7f", "\u202ea", "a\u200bb", "a\u3000b", "a" * 300, "é" * 123, "a" * 1_000_000, "", " ", "a b", "HEAD",
     "refs/heads/", "refs/tags/v1", "\U000e0080",
     "refs/heads/refs/heads/x", "refs/heads/HEAD", "a.", "\ud800", "<b>"]  # fmt: skip
BAD_URLS: Final = [
    "ext::sh -c touch% /tmp/x", "file:///etc", "git://github.com/a/b", "http://github.com/a/b",
    "ssh://-oProxyCommand=x/y", "git@github.com:a/b",
     "https://github.com@evil.tld/a/b", "https://github.com.evil.tld/a/b", "https:///evil.tld/a",
     "https://github.com:444/a/b",
     "https://github.com:443/a/b", "https://github.com:/a/b", "https://github.com/a/b\r\nX: y",
     "https://github.com/a/b\n", "https://github.com/a/b%0d%0aX",
     "https://github.com/%2e%2e/b", f"https://user:{SECRET}@github.com/a/b", f"https://{SECRET}@github.com/a/b",
     f"https://ghp_{SECRET}{SECRET}/a/b",
     "https://github.com/a/b/../../c/d", "https://github.com/a/./b", "https://github.com//a/b", "https://github.com/a",
     "https://github.com/a/",
     "https://github.com/a/.git", "https://github.com/a/b?x=1", "https://github.com/a/b#c", "https://github.com/a/b;x",
     "https://github.com\\@evil.tld/a/b",
     "https://githu\u0432.com/a/b", "https://g\u03b9thub.com/a/b", "https://github\u3002com/a/b", "https://github.com./a/b",
     "https://github.com/a/b/tree/main",
     "https://gitlab.com/a/b/-/tree/x", "https://127.0.0.1/a/b", "http://127.0.0.1:4000/a/b",
     "https://127.0.0.1:4000/a/b", "https://localhost:4000/a/b",
     "https://0x7f000001/a/b", "https://127.1/a/b", "https://[::ffff:127.0.0.1]/a/b", "HTTPS://github.com/a/b",
     " https://github.com/a/b", "", "https://",
     "https://github.com", "a" * 1_000_000, "https://github.com/" + "a/" * 400, "https://\ud800/a/b"]  # fmt: skip
