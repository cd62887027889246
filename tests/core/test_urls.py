"""What may be a branch, a clone URL, a name, a host, an address."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoscale_box.core.errors import Code, Invalid
from nanoscale_box.core.text import inert
from nanoscale_box.core.urls import (
    CloneUrl,
    address_flaw,
    check_branch,
    check_clone_url,
    check_host,
    check_project_name,
    default_host,
    is_public_address,
    may_have_certificate,
    submodule_url,
    suggest_name,
)
from tests.core.bad_sources import BAD_BRANCHES, BAD_URLS, SECRET

UNFIT = {".", "..", ".git", "a b", "%2e", "?q", "#"}
HOSTS = (
    "github.com",
    "gitlab.com",
    "git.example.org:8443",
    "127.0.0.1:4000",
    "localhost:4000",
    "[::1]:4000",
    "127.0.0.1",
)


@pytest.mark.parametrize(
    "name",
    ["main", "Main", "feature/x", "v1.2", "release-2026.11", "日本", "a@b", "x.lock.y",
    "dependabot/npm_and_yarn/@types/node-1.0", "fix/#12(b)",
     "a" * 244, "@@", "ü"],
)  # fmt: skip
def test_branches_that_work(name: str) -> None:
    assert check_branch(name) == name
    assert check_branch(f"refs/heads/{name}") == name


@pytest.mark.parametrize(
    "name",
    BAD_BRANCHES,
)
def test_branches_that_are_refused(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_branch(name)
    assert refused.value.code is Code.INVALID_BRANCH
    assert len(refused.value.detail) < 200


@given(st.text())
def test_a_branch_is_given_or_refused_and_stays_itself(name: str) -> None:
    try:
        branch = check_branch(name)
    except Invalid:
        return
    assert check_branch(branch) == branch
    assert not branch.startswith("-") and inert(branch) == branch


@pytest.mark.parametrize(
    ("text", "development", "parts"),
    [
        ("https://github.com/a/b", False, ("https://github.com/a/b", "github.com", "a/b")),
        ("https://github.com/a/b.git", False, ("https://github.com/a/b.git", "github.com", "a/b")),
        ("https://GitHub.com/A/b.c/", False, ("https://github.com/A/b.c", "github.com", "A/b.c")),
        (
            "https://gitlab.com/g/sub/sub2/p.git",
            False,
            ("https://gitlab.com/g/sub/sub2/p.git", "gitlab.com", "g/sub/sub2/p"),
        ),
        (
            "https://git.example.org:8443/~u/r",
            False,
            ("https://git.example.org:8443/~u/r", "git.example.org:8443", "~u/r"),
        ),
        ("http://127.0.0.1:4000/a/b", True, ("http://127.0.0.1:4000/a/b", "127.0.0.1:4000", "a/b")),
        ("http://localhost:4000/a/b.git", True, ("http://localhost:4000/a/b.git", "localhost:4000", "a/b")),
        ("http://[::1]:4000/a/b", True, ("http://[::1]:4000/a/b", "[::1]:4000", "a/b")),
    ],
)
def test_clone_urls_that_work(text: str, development: bool, parts: tuple[str, str, str]) -> None:
    url, host, path = parts
    assert check_clone_url(text, hosts=HOSTS, development=development) == CloneUrl(url=url, host=host, path=path)


@pytest.mark.parametrize(
    "text",
    BAD_URLS,
)
def test_clone_urls_that_are_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_clone_url(text, hosts=HOSTS, development=False)
    assert refused.value.code is Code.INVALID_URL
    assert SECRET not in refused.value.detail and "\n" not in refused.value.detail and len(refused.value.detail) < 300


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1/a/b",
        "http://github.com/a/b",
        "http://git.example.org:8443/a/b",
        "http://127.0.0.1:5000/a/b",
        "https://127.0.0.1/a/b",
    ],
)
def test_development_opens_no_more_than_the_listed_loopback_ports(text: str) -> None:
    with pytest.raises(Invalid):
        check_clone_url(text, hosts=HOSTS, development=True)


@given(
    st.sampled_from(["https", "http", "ssh"]),
    st.sampled_from(
        ["github.com", "git.example.org:8443", "git.example.org", "127.0.0.1:4000", "github.com@evil.test"]
    ),
    st.lists(st.sampled_from(["a", "R-2", "x.y", "~u", *UNFIT]), min_size=1, max_size=4),
    st.sampled_from(["", ".git", "/", ".git/"]),
)
def test_a_clone_url_of_fit_parts_is_given_and_any_other_refused(
    scheme: str, host: str, path: list[str], end: str
) -> None:
    text = f"{scheme}://{host}/{'/'.join(path)}{end}"
    if scheme != "https" or host not in ("github.com", "git.example.org:8443") or len(path) < 2 or {*path} & UNFIT:
        with pytest.raises(Invalid):
            check_clone_url(text, hosts=HOSTS, development=False)
        return
    given_back = check_clone_url(text, hosts=HOSTS, development=False)
    assert (given_back.host, given_back.path) == (host, "/".join(path))
    assert check_clone_url(given_back.url, hosts=HOSTS, development=False) == given_back


@given(st.text() | st.from_regex(r"https?://[a-z@:.\[\]%/?#-]*", fullmatch=True), st.booleans())
def test_no_text_at_all_breaks_the_rule_for_clone_urls(text: str, development: bool) -> None:
    with suppress(Invalid):
        assert check_clone_url(text, hosts=HOSTS, development=development).host in HOSTS


@pytest.mark.parametrize("name", ["a", "hello", "a-b-2", "7", "a" * 40, "www"])
def test_names_that_work(name: str) -> None:
    assert check_project_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "-a", "a-", "A", "a_b", "a.b", "ü", "a" * 41, "xn--a", "localhost", "nanoscale-box", "a\n", "a b", "../a"],
)
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_project_name(name)
    assert refused.value.code is Code.INVALID_NAME


@pytest.mark.parametrize(
    ("repo", "taken", "name"),
    [
        ("hello", (), "hello"),
        ("My.Cool_App", (), "my-cool-app"),
        ("hello", ("hello", "hello-2"), "hello-3"),
        ("Örtchen", (), "ortchen"),
        ("日本", (), "app"),
        ("---", ("app",), "app-2"),
        ("localhost", (), "localhost-2"),
        ("a" * 60, ("a" * 40,), "a" * 38 + "-2"),
        ("xn--a", (), "xn-a"),
    ],
)
def test_a_name_is_suggested_from_the_repository(repo: str, taken: tuple[str, ...], name: str) -> None:
    assert suggest_name(repo, taken) == name
    assert check_project_name(name) == name


@given(st.text(), st.sets(st.sampled_from(["app", "app-2", "a", "a-2"])))
def test_a_suggested_name_can_be_taken(repo: str, taken: set[str]) -> None:
    name = suggest_name(repo, taken)
    assert check_project_name(name) not in taken


@pytest.mark.parametrize(
    ("host", "kept"),
    [("App.Example.ORG", "app.example.org"), ("a.localhost", "a.localhost"), ("xn--bcher-kva.de.", "xn--bcher-kva.de")],
)
def test_hosts_that_work(host: str, kept: str) -> None:
    assert check_host(host) == kept
    assert default_host("hello", "localhost") == "hello.localhost"


@pytest.mark.parametrize(
    "host",
    ["", "localhost", "*.a.de", "a..b", "-a.de", "a-.de", "a_b.de", "a.de:80", "a.de/x", "../a.de", "1.2.3.4", "127.1",
    "1.0x7f", "[::1]", "bücher.de", "a" * 64 + ".de",
     "a." * 127 + "de", "a.de\n", "a b.de", "a.de..", "\u212a.de"],
)  # fmt: skip
def test_hosts_that_are_refused(host: str) -> None:
    with pytest.raises(Invalid):
        check_host(host)


@given(st.lists(st.text("aZ0-", min_size=1, max_size=3), min_size=2, max_size=3), st.text("./*_\\\n", max_size=1))
def test_a_host_is_safe_as_a_file_name(labels: list[str], odd: str) -> None:
    fit = not odd and all("-" not in (label[0], label[-1]) for label in labels) and re.search("[aZ]", labels[-1])
    host = f"{'.'.join(labels[:-1])}{odd}.{labels[-1]}"
    if not fit:
        with pytest.raises(Invalid):
            check_host(host)
        return
    assert check_host(host) == host.lower()


@given(st.text("aZ0-._/*\\\n"))
def test_no_text_at_all_becomes_a_host_that_is_no_file_name(host: str) -> None:
    with suppress(Invalid):
        kept = check_host(host)
        assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*[a-z0-9]", kept) and ".." not in kept


@pytest.mark.parametrize("ip", ["140.82.121.4", "8.8.8.8", "2606:50c0:8000::153", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses(ip: str) -> None:
    assert is_public_address(ip)


@pytest.mark.parametrize(
    "ip",
    ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "0.0.0.0",
     "255.255.255.255", "224.0.0.1", "240.0.0.1", "192.0.0.9", "192.88.99.1", "198.18.0.1", "203.0.113.1", "::", "::1",
     "::ffff:127.0.0.1", "::127.0.0.1", "fe80::1",
     "fe80::1%eth0", "fc00::1", "ff02::1", "2001:db8::1", "2001::1", "2002:7f00:1::", "64:ff9b::7f00:1",
     "64:ff9b:1::1", "::ffff:a00:1", "", "x", "1.2.3.4 ", "[::1]"],
)  # fmt: skip
def test_addresses_that_are_not_public(ip: str) -> None:
    assert not is_public_address(ip)


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("../lib.git", "https://github.com/ada/lib.git"),
        ("../../grace/lib", "https://github.com/grace/lib"),
        ("./inner", "https://github.com/ada/app.git/inner"),
        ("git@github.com:ada/lib.git", "https://github.com/ada/lib.git"),
        ("ssh://git@gitlab.com/group/lib", "https://gitlab.com/group/lib"),
        ("https://codeberg.org/a/b", "https://codeberg.org/a/b"),
    ],
)
def test_what_the_address_of_a_submodule_means(url: str, meant: str) -> None:
    assert submodule_url("https://github.com/ada/app.git", url) == meant


@pytest.mark.parametrize("url", ["--upload-pack=x", "-oProxyCommand=x", "a\nb", "\x1b]0;x", "../../../etc", "x" * 2000])
def test_what_is_no_address_of_a_submodule(url: str) -> None:
    with pytest.raises(Invalid):
        submodule_url("https://github.com/ada/app.git", url)


@pytest.mark.parametrize(
    ("host", "addresses", "ours", "theirs"),
    [
        ("github.com", ["140.82.121.4"], True, True),
        ("git.home.example", ["192.168.1.4", "fd00::4"], True, False),
        ("both.example", ["140.82.121.4", "10.0.0.1"], False, False),
        ("rebound.example", ["127.0.0.1"], False, False),
        ("rebound.example", ["140.82.121.4", "::1"], False, False),
        ("rebound.example", ["::ffff:127.0.0.1"], False, False),
        ("metadata.example", ["169.254.169.254"], False, False),
        ("link.example", ["fe80::1%eth0"], False, False),
        ("nowhere.example", ["0.0.0.0"], False, False),
        ("127.0.0.1", ["127.0.0.1"], True, False),
        ("127.1", ["127.0.0.1"], False, False),
        ("nothing.example", [], False, False),
    ],
)
def test_where_a_host_may_lead(host: str, addresses: list[str], ours: bool, theirs: bool) -> None:
    assert (address_flaw(host, addresses, elsewhere=False) is None) is ours
    assert (address_flaw(host, addresses, elsewhere=True) is None) is theirs


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("git://github.com/a/b", "it must begin with https://"),
        ("https://me@github.com/a/b", "it must not carry a user name"),
        ("https://github.com/a/b%20c", "only plain letters"),
        ("https://github.com/a/b c", "only plain letters"),
        ("https://github.com/ü/b", "only plain letters"),
        ("https://github.com/a/b\n", "only plain letters"),
        ("https://github.com/a/b?c", "nothing may follow the path"),
        ("https://github.com/a/b#c", "nothing may follow the path"),
        ("https://github.com/a;b", "it must look like https://host/owner/repository"),
        ("https://github.com/a/b@c", "it must look like https://host/owner/repository"),
        ("https://github.com/a", "its path must be owner/repository"),
        ("https://example.org/a/b", "example.org is not among the hosts that may be cloned from (127.0.0.1, "),
    ],
)
def test_a_refused_clone_url_is_told_what_is_wrong_with_it(text: str, flaw: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_clone_url(text, hosts=HOSTS, development=False)
    assert refused.value.detail.startswith(f"this repository URL is refused: {flaw}")


@pytest.mark.parametrize(
    ("host", "may"),
    [
        ("app.example.org", True), ("EXAMPLE.ORG.", True), ("home.org", True), ("arpa.home", True), ("org", False),
        ("localhost", False), ("a.localhost", False), ("printer.local", False), ("a.internal", False), ("a.1", False),
        ("home.arpa", False), ("x.home.arpa", False), ("x.arpa", True), ("1.2.3.4", False), ("", False),
    ],
)  # fmt: skip
def test_authorities_sign_for_public_names_alone(host: str, may: bool) -> None:
    assert may_have_certificate(host) is may


def test_the_longest_branch_and_host_have_their_bounds() -> None:
    assert check_branch("a" * 244) == "a" * 244
    for long in ("a" * 245, "é" * 123):
        with pytest.raises(Invalid, match="longer than 244 bytes"):
            check_branch(long)
    host = ".".join(["a" * 63] * 3) + "." + "b" * 61
    assert check_host(host) == host and len(host) == 253
    with pytest.raises(Invalid):
        check_host(f"{host}b")
