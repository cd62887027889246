"""Repositories, branches and refs over REST, by name and by id."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from nanoscale_box.sandbox.model import Repo
from nanoscale_box.sandbox.samples import generated_names
from tests.sandbox.actors import Client, following
from tests.sandbox.conftest import Connected


def repo_of(client: Client, name: str) -> Repo:
    found = client.sandbox.state.repo(name)
    assert found is not None
    return found


async def test_a_private_repository_by_name_and_by_id(connected: Connected) -> None:
    client, token = connected.client, await connected.token()
    hello = repo_of(client, "ada/hello")
    for path in ("/repos/ada/hello", "/repos/Ada/HELLO", f"/repositories/{hello.id}"):
        reply = await client.call("GET", path, token)
        assert reply.json["full_name"] == "ada/hello"
        assert reply.json["private"] is True
        assert reply.json["clone_url"] == f"{client.sandbox.url}/ada/hello.git"
    assert (await client.call("GET", "/repos/ada/hello")).status == 404
    assert (await client.call("GET", "/repositories/1", token)).status == 404


async def test_public_repositories_are_open_private_ones_elsewhere_are_not(connected: Connected) -> None:
    client, token = connected.client, await connected.token()
    assert (await client.call("GET", "/repos/ada/website")).status == 200
    assert (await client.call("GET", "/repos/analytical/engine", token)).status == 404
    assert (await client.call("GET", "/repos/ada/website/hooks")).status == 401


async def test_pages_of_repositories(connected: Connected) -> None:
    client, token = connected.client, await connected.token()
    for name in generated_names(7):
        await client.control("POST", "repos", {"owner": "ada", "name": name})
    total = len([one for one in client.sandbox.state.repos.values() if one.owner_id == 1001])
    seen, path, pages = set(), "/installation/repositories?per_page=4", 0
    while path:
        reply = await client.call("GET", path, token)
        assert reply.json["total_count"] == total
        seen |= {repo["id"] for repo in reply.json["repositories"]}
        pages += 1
        path = following(reply)
    assert len(seen) == total
    assert pages == -(-total // 4)


async def test_a_page_is_a_hundred_at_most(connected: Connected) -> None:
    client, token = connected.client, await connected.token()
    main = (await client.call("GET", "/repos/ada/hello/commits/main", token)).json["sha"]
    for number in range(120):
        await client.sandbox.push("ada/hello", branch=f"b/{number:03}", to=main, fire=False)
    reply = await client.call("GET", "/repos/ada/hello/branches?per_page=500", token)
    assert len(reply.json) == 100
    assert f"/repositories/{repo_of(client, 'ada/hello').id}/branches" in reply.headers["Link"]
    rest = await client.call("GET", "/repos/ada/hello/branches?per_page=100&page=2", token)
    assert len(rest.json) == 23
    assert 'rel="prev"' in rest.headers["Link"]
    assert "next" not in rest.headers["Link"]


async def test_branches_of_every_kind(connected: Connected) -> None:
    client, token = connected.client, await connected.token()
    names = [one["name"] for one in (await client.call("GET", "/repos/ada/hello/branches", token)).json]
    assert names == ["feature/x", "main", "日本"]
    for name in names:
        for spelled in (quote(name), quote(name, safe="")):
            reply = await client.call("GET", f"/repos/ada/hello/branches/{spelled}", token)
            assert reply.json["name"] == name
    missing = await client.call("GET", "/repos/ada/hello/branches/nope", token)
    assert (missing.status, missing.json["message"]) == (404, "Branch not found")


async def test_refs_are_exact_and_matching_refs_are_prefixes(connected: Connected) -> None:
    client, token = connected.client, await connected.token()
    exact = await client.call("GET", "/repos/ada/hello/git/ref/heads/feature/x", token)
    assert exact.json["ref"] == "refs/heads/feature/x"
    assert (await client.call("GET", "/repos/ada/hello/git/ref/heads/feature", token)).status == 404
    matching = await client.call("GET", "/repos/ada/hello/git/matching-refs/heads/feat", token)
    assert [one["ref"] for one in matching.json] == ["refs/heads/feature/x"]
    assert (await client.call("GET", "/repos/ada/hello/git/matching-refs/heads/zzz", token)).json == []


@pytest.mark.parametrize(("method", "status"), [("GET", 301), ("POST", 307)])
async def test_a_renamed_repository_answers_by_id(connected: Connected, method: str, status: int) -> None:
    client, token = connected.client, await connected.token()
    hello = repo_of(client, "ada/hello")
    await client.control("POST", f"repos/{hello.id}", {"rename": "bonjour"})
    reply = await client.call(method, "/repos/ada/hello/hooks?per_page=5", token)
    assert reply.status == status
    location = reply.headers["Location"]
    assert location == f"{client.sandbox.api_url}/repositories/{hello.id}/hooks?per_page=5"
    assert (await client.call("GET", location, token)).status == 200
    assert (await client.call("GET", "/repos/ada/bonjour", token)).json["id"] == hello.id
    assert (await client.call("GET", "/repos/ada/hello")).status == 404


async def test_a_new_repository_takes_the_old_name(connected: Connected) -> None:
    client, token = connected.client, await connected.token()
    hello = repo_of(client, "ada/hello")
    await client.control("POST", f"repos/{hello.id}", {"rename": "bonjour"})
    made = await client.control("POST", "repos", {"owner": "ada", "name": "hello"})
    reply = await client.call("GET", "/repos/ada/hello", token)
    assert reply.json["id"] == made.json["id"] != hello.id


async def test_archived_and_disabled(connected: Connected) -> None:
    client, token = connected.client, await connected.token()
    hello = repo_of(client, "ada/hello")
    await client.control("POST", f"repos/{hello.id}", {"archived": True})
    assert (await client.call("GET", "/repos/ada/hello", token)).json["archived"] is True
    refused = await client.call("POST", "/repos/ada/hello/hooks", token, json={"config": {"url": "http://x.y"}})
    assert (refused.status, refused.json["message"]) == (403, "Repository was archived so is read-only.")
    await client.control("POST", f"repos/{hello.id}", {"archived": False, "disabled": True})
    assert (await client.call("GET", "/repos/ada/hello", token)).status == 403


async def test_what_a_person_sees(connected: Connected) -> None:
    client = connected.client
    for login, count in (("ada", 1), ("eve", 0), ("grace", 0)):
        token = (await client.control("POST", "authorizations", {"app": connected.app.slug, "user": login})).json
        reply = await client.call("GET", "/user/installations", token["access_token"])
        assert reply.json["total_count"] == count
        path = f"/user/installations/{connected.installation.id}/repositories"
        assert (await client.call("GET", path, token["access_token"])).status == (200 if count else 404)
        assert (await client.call("GET", "/repos/ada/hello", token["access_token"])).status == (200 if count else 404)
    assert (await client.call("GET", "/user", await connected.token())).status == 403
    assert (await client.call("GET", "/user")).status == 401


async def test_emails_only_where_the_app_may(connected: Connected) -> None:
    client = connected.client
    token = (await client.control("POST", "authorizations", {"app": connected.app.slug})).json["access_token"]
    assert (await client.call("GET", "/user/emails", token)).status == 403
    connected.app.permissions["email_addresses"] = "read"
    assert (await client.call("GET", "/user/emails", token)).json[0]["email"] == "ada@example.com"


async def test_a_request_without_user_agent(client: Client) -> None:
    reply = await client.fetch("GET", f"{client.sandbox.api_url}/meta", headers={"User-Agent": ""})
    assert reply.status == 403
    assert "User-Agent" in reply.text


async def test_unknown_places_and_credentials(client: Client) -> None:
    missing = await client.call("GET", "/nothing/here")
    assert (missing.status, missing.json["message"], missing.json["status"]) == (404, "Not Found", "404")
    assert (await client.call("PATCH", "/meta")).status == 404
    for token in ("ghs_wrong", "ghu_wrong", "ghp_wrong", "x"):
        assert (await client.call("GET", "/meta", token)).json["message"] == "Bad credentials"
    for header in ("Basic !!!", "Digest x", "Basic eDp5"):
        assert (await client.call("GET", "/meta", headers={"Authorization": header})).status == 401
