"""Git LFS at the sandbox: who may ask where files are, and what is answered for one that is not there."""

from __future__ import annotations

from typing import Any

from tests.sandbox.actors import Client
from tests.sandbox.conftest import Connected


async def ask(client: Client, repo: str, oid: str, token: str | None) -> tuple[int, Any]:
    """The batch API's answer for one file."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = {"operation": "download", "objects": [{"oid": oid, "size": 5}]}
    url = f"{client.sandbox.url}/{repo}.git/info/lfs/objects/batch"
    async with client.session.post(url, json=body, headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_a_file_goes_in_with_a_push_and_out_by_a_key(connected: Connected) -> None:
    client, sandbox = connected.client, connected.client.sandbox
    await sandbox.push("ada/hello", files={"a.bin": {"text": "large", "lfs": "true"}})
    ((oid, content),) = next(iter(sandbox.world.lfs.objects.values())).items()
    assert content == b"large"
    token = await connected.token(permissions={"contents": "read"})
    status, told = await ask(client, "ada/hello", oid, token)
    assert status == 200
    (found,) = told["objects"]
    async with client.session.get(found["actions"]["download"]["href"]) as answer:
        assert await answer.read() == b"large"
    async with client.session.get(f"{sandbox.url}/_lfs/guessed") as answer:
        assert answer.status == 404


async def test_files_that_are_not_there_and_people_who_may_not(connected: Connected) -> None:
    client = connected.client
    token = await connected.token(permissions={"contents": "read"})
    status, told = await ask(client, "ada/hello", "0" * 64, token)
    assert (status, told["objects"][0]["error"]["code"]) == (200, 404)
    assert (await ask(client, "ada/hello", "0" * 64, None))[0] == 401
    assert (await ask(client, "ada/nobody", "0" * 64, token))[0] == 404
    assert (await ask(client, "analytical/engine", "0" * 64, token))[0] == 404
