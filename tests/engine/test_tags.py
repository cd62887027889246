"""Tags instead of a branch: the newest by version is the head, told by a push or found by a poll."""

from __future__ import annotations

from nanoscale_box.core.decide import ZERO_SHA
from nanoscale_box.core.github_model import Comparison
from nanoscale_box.core.model import Sha
from nanoscale_box.engine.views import NewProject, ProjectChanges
from tests.engine.house import House, Moved, S, sha
from tests.fake_github import repository

URL = "https://github.com/ada/site"


def tag(house: House, name: str, number: int, url: str = repository().clone_url) -> Moved:
    """Somebody tags a commit."""
    before = house.world.tags.get((url, name), ZERO_SHA)
    house.world.tags[url, name] = sha(number)
    return Moved(before=before, after=sha(number), ref=f"refs/tags/{name}")


async def following_tags(house: House, pattern: str = "v*") -> None:
    """A live project that deploys tags from now on."""
    await house.live(1)
    await house.engine.projects.change("hello", ProjectChanges(fields={"tag_pattern": pattern}))


async def test_a_tag_that_matches_is_deployed_and_branches_are_not(house: House) -> None:
    await following_tags(house)
    assert (await house.push(2)).verdicts[0].code == "other_tag"
    assert (await house.deliver(tag(house, "nightly", 3))).verdicts[0].code == "other_tag"
    assert (await house.deliver(tag(house, "v1.0", 4))).http_status == 202
    await house.idle()
    newest = await house.newest()
    assert (house.serves(), newest.ref, newest.state) == (sha(4), "refs/tags/v1.0", S.LIVE)
    assert (await house.verdicts())[-1].code == "deployed"
    await house.check_clean()


async def test_the_head_is_the_highest_version_so_an_old_delivery_never_rolls_back(house: House) -> None:
    await following_tags(house)
    old, new = tag(house, "v1.9", 2), tag(house, "v1.10", 3)
    await house.deliver(new)
    await house.deliver(old)
    await house.idle()
    assert house.serves() == sha(3)
    await house.deliver(tag(house, "v1.9.1", 4))
    await house.idle()
    assert house.serves() == sha(3)
    assert (await house.verdicts())[-1].code == "already_live"
    gone = Moved(before=sha(4), after=ZERO_SHA, ref="refs/tags/v1.9.1")
    assert (await house.deliver(gone)).verdicts[0].code == "tag_deleted"


async def test_a_poll_finds_a_tag_that_no_hook_told_and_what_is_live_leaves_no_trace(house: House) -> None:
    await following_tags(house)
    tag(house, "v2.0", 5)
    house.hub.comparisons[sha(1), sha(5)] = Comparison(ahead=4, behind=0, changed=None)
    await house.engine.polling.poll()
    drift = (await house.engine.projects.get("hello")).drift
    assert drift and drift.behind == 4
    await house.idle()
    assert (house.serves(), (await house.verdicts())[-1].source) == (sha(5), "poll")
    before = house.digest()
    for _ in range(2):
        await house.engine.polling.poll()
    assert house.digest() == before


async def test_the_owners_word_deploys_the_newest_tag_or_says_that_there_is_none(house: House) -> None:
    await following_tags(house)
    await house.engine.projects.redeploy("hello", clear_cache=False)
    await house.idle()
    failed = await house.newest()
    assert failed.failure and failed.failure.detail == "the repository has no tag like v*"
    tag(house, "v3", 6)
    await house.engine.projects.redeploy("hello", clear_cache=False)
    await house.idle()
    assert (house.serves(), (await house.newest()).ref) == (sha(6), "refs/tags/v3")


async def test_a_public_repository_is_followed_by_its_tags_too(house: House) -> None:
    tag(house, "v1", 1, f"{URL}.git")
    tag(house, "v1", 1, URL)
    asked = NewProject(repo_url=URL, name="site", settings={"tag_pattern": "v*"})
    await house.engine.projects.create(asked)
    await house.idle()
    assert house.serves("site") == sha(1)
    for url in (URL, f"{URL}.git"):
        tag(house, "v2", 2, url)
    await house.engine.polling.poll()
    await house.idle()
    assert house.serves("site") == sha(2)


async def test_an_annotated_tag_stands_for_its_commit(house: House) -> None:
    await following_tags(house)
    moved = tag(house, "v1.0", 7)
    headers, raw = house.signed(
        "push",
        {
            "ref": moved.ref, "before": ZERO_SHA, "after": Sha("e" * 40), "created": True,
            "repository": {"id": moved.repo_id, "full_name": "ada/hello"},
            "head_commit": {"id": moved.after, "message": "a change", "author": {"name": "Ada"}}, "commits": [],
        },
    )  # fmt: skip
    await house.engine.intake.receive(headers, raw)
    await house.idle()
    assert [(v.sha, v.code) for v in await house.verdicts()][-1] == (sha(7), "deployed")
