"""Commits, comparisons, files and trees over REST."""

from __future__ import annotations

import base64

from tests.sandbox.conftest import Connected


async def test_one_commit_by_branch_and_by_sha(connected: Connected) -> None:
    client, token = connected.client, await connected.token()
    by_branch = (await client.call("GET", "/repos/ada/hello/commits/feature/x", token)).json
    by_sha = (await client.call("GET", f"/repos/ada/hello/commits/{by_branch['sha']}", token)).json
    short = (await client.call("GET", f"/repos/ada/hello/commits/{by_branch['sha'][:10]}", token)).json
    assert by_branch["sha"] == by_sha["sha"] == short["sha"]
    assert by_sha["commit"]["message"] == "Work on feature/x"
    assert by_sha["author"]["login"] == "ada"
    (changed,) = by_sha["files"]
    assert (changed["filename"], changed["status"], changed["additions"], changed["deletions"]) == (
        "page.txt",
        "modified",
        1,
        1,
    )


async def test_only_the_sha(connected: Connected) -> None:
    token, headers = await connected.token(), {"Accept": "application/vnd.github.sha"}
    reply = await connected.client.call("GET", "/repos/ada/hello/commits/main", token, headers=headers)
    assert len(reply.text) == 40


async def test_what_is_no_commit(connected: Connected) -> None:
    token = await connected.token()
    for name in ("nope", "f" * 40, "zzzz"):
        reply = await connected.client.call("GET", f"/repos/ada/hello/commits/{name}", token)
        assert (reply.status, reply.json["message"]) == (422, f"No commit found for SHA: {name}")


async def test_history_is_newest_first(connected: Connected) -> None:
    token = await connected.token()
    for number in range(3):
        connected.client.sandbox.clock.advance(1)
        await connected.client.sandbox.push("ada/hello", files={"n": str(number)}, message=f"n{number}", fire=False)
    reply = await connected.client.call("GET", "/repos/ada/hello/commits?per_page=2", token)
    assert [one["commit"]["message"] for one in reply.json] == ["n2", "n1"]


async def test_comparing(connected: Connected) -> None:
    client, token = connected.client, await connected.token()
    pushed = await client.sandbox.push("ada/hello", files={"docs/a.md": "a\n", "page.txt": None}, fire=False)
    path = "/repos/ada/hello/compare/"
    ahead = (await client.call("GET", f"{path}{pushed.before}...main", token)).json
    assert (ahead["status"], ahead["ahead_by"], ahead["behind_by"]) == ("ahead", 1, 0)
    assert {one["filename"]: one["status"] for one in ahead["files"]} == {"docs/a.md": "added", "page.txt": "removed"}
    behind = (await client.call("GET", f"{path}main...{pushed.before}", token)).json
    assert (behind["status"], behind["ahead_by"], behind["behind_by"]) == ("behind", 0, 1)
    split = (await client.call("GET", f"{path}main...feature/x", token)).json
    assert (split["status"], split["ahead_by"], split["behind_by"]) == ("diverged", 1, 1)
    assert split["merge_base_commit"]["sha"] == pushed.before
    same = (await client.call("GET", f"{path}main...main", token)).json
    assert (same["status"], same["commits"], same["files"]) == ("identical", [], [])
    for basehead in ("main...nope", "main", "main..feature/x"):
        assert (await client.call("GET", path + basehead, token)).status == 404


async def test_files(connected: Connected) -> None:
    client, token = connected.client, await connected.token()
    file = (await client.call("GET", "/repos/ada/hello/contents/page.txt?ref=feature/x", token)).json
    assert base64.b64decode(file["content"]).decode() == "Hello from the branch feature/x\n"
    raw = {"Accept": "application/vnd.github.raw+json"}
    reply = await client.call("GET", "/repos/ada/hello/contents/page.txt", token, headers=raw)
    assert reply.text == "Hello from nanoscale-box, version 1\n"
    folder = (await client.call("GET", "/repos/ada/website/contents", token)).json
    assert {one["name"]: one["type"] for one in folder} == {"assets": "dir", "docs": "dir", "index.html": "file"}
    nested = (await client.call("GET", "/repos/ada/website/contents/docs/guide", token)).json
    assert [one["path"] for one in nested] == ["docs/guide/index.html"]
    for path, status in (("nope", 404), ("page.txt/x", 404), ("app.py/../app.py", 200)):
        assert (await client.call("GET", f"/repos/ada/hello/contents/{path}", token)).status == status, path
    assert (await client.call("GET", "/repos/ada/hello/contents/app.py?ref=nope", token)).status == 404


async def test_trees(connected: Connected) -> None:
    client, token = connected.client, await connected.token()
    flat = (await client.call("GET", "/repos/ada/website/git/trees/main", token)).json
    assert {one["path"]: one["type"] for one in flat["tree"]} == {
        "assets": "tree",
        "docs": "tree",
        "index.html": "blob",
    }
    deep = (await client.call("GET", "/repos/ada/website/git/trees/main?recursive=1", token)).json
    assert "docs/guide/index.html" in {one["path"] for one in deep["tree"]}
    again = (await client.call("GET", f"/repos/ada/website/git/trees/{flat['sha']}", token)).json
    assert again["tree"] == flat["tree"]
    assert (await client.call("GET", f"/repos/ada/website/git/trees/{'0' * 40}", token)).status == 404


async def test_links_programs_and_bytes_can_be_pushed(connected: Connected) -> None:
    client, token = connected.client, await connected.token()
    files = {
        "link": {"text": "page.txt", "mode": "120000"},
        "run.sh": {"text": "#!/bin/sh\n", "mode": "100755"},
        "bytes": {"base64": base64.b64encode(b"\x00\xff").decode()},
    }
    reply = await client.control("POST", "push", {"repo": "ada/hello", "files": files, "fire": False})
    assert reply.status == 200
    tree = (await client.call("GET", "/repos/ada/hello/git/trees/main", token)).json["tree"]
    modes = {one["path"]: one["mode"] for one in tree}
    assert (modes["link"], modes["run.sh"], modes["bytes"]) == ("120000", "100755", "100644")
