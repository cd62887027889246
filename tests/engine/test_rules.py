"""The owner's rules: what is watched, and what is counted from what is live, not from the last push."""

from __future__ import annotations

import pytest

from nanoscale_box.core.errors import Code, Fault, Unavailable
from nanoscale_box.core.github_model import Comparison
from nanoscale_box.core.model import Outcome
from nanoscale_box.engine.views import ProjectChanges
from tests.engine.house import House, S, sha


def differs(house: House, before: int, after: int, *paths: str, ahead: int = 1, known: bool = True) -> None:
    """What GitHub will say of two commits."""
    changed = frozenset(paths) if known else None
    house.hub.comparisons[sha(before), sha(after)] = Comparison(ahead=ahead, behind=0, changed=changed)


async def watching(house: House, *patterns: str, root: str | None = None) -> None:
    """A live project that watches these."""
    await house.live(1)
    await house.engine.projects.change(
        "hello", ProjectChanges(fields={"watch_paths": list(patterns), "root_directory": root})
    )


async def push(house: House, number: int, *touched: str, message: str = "") -> str:
    """A push whose commits touched these; the code of what became of it in the end."""
    moved = house.commit(number, message=message)
    headers, raw = house.delivery(moved, touched=touched)
    await house.engine.intake.receive(headers, raw)
    await house.idle()
    return (await house.verdicts())[-1].code


async def test_a_push_that_changes_nothing_watched_is_a_verdict_and_no_deployment(house: House) -> None:
    await watching(house, "src/**")
    assert await push(house, 2, "docs/a.md", "docs/b.md") == "unwatched"
    assert (await house.verdicts())[-1].reason == "nothing that hello watches has changed: only docs/"
    assert await push(house, 3, "README.md") == "unwatched"
    assert await house.states() == ["live"]
    assert house.world.calls.count("github.compare") == 0
    assert await push(house, 4, "docs/a.md", "src/app.py") == "deployed"
    assert house.serves() == sha(4)


async def test_a_root_directory_is_watched_by_itself_unless_something_else_is(house: House) -> None:
    await watching(house, root="web")
    assert await push(house, 2, "api/main.py") == "unwatched"
    assert await push(house, 3, "web/index.html") == "deployed"
    await house.engine.projects.change("hello", ProjectChanges(fields={"watch_paths": ["**"]}))
    assert await push(house, 4, "api/main.py") == "deployed"


async def test_what_counts_is_the_net_difference_from_what_is_live(house: House) -> None:
    await watching(house, "src/**")
    house.world.broken.add(sha(2))
    assert await push(house, 2, "src/app.py") == "build_failed"
    differs(house, 1, 3, "src/app.py", "docs/a.md")
    assert await push(house, 3, "docs/a.md") == "deployed"  # the change of #2 is owed still
    differs(house, 3, 5, "docs/a.md")
    house.commit(4)
    assert await push(house, 5, "src/app.py") == "unwatched"  # back and forth: nothing is left of it
    assert house.serves() == sha(3)
    newest = await house.newest()
    assert (newest.state, newest.superseded_by) == (S.SUPERSEDED, (await house.deployments())[-2].id)
    assert (await house.verdicts())[-1].outcome is Outcome.IGNORED
    await house.check_clean()


async def test_a_burst_of_watched_and_unwatched_pushes_deploys_once(house: House) -> None:
    await watching(house, "src/**")
    differs(house, 1, 3, "src/app.py", "docs/a.md")
    for number, path in ((2, "src/app.py"), (3, "docs/a.md")):
        headers, raw = house.delivery(house.commit(number), touched=(path,))
        await house.engine.intake.receive(headers, raw)
    await house.idle()
    assert house.serves() == sha(3)
    assert await house.states() == ["retired", "superseded", "live"]


async def test_what_nobody_can_tell_is_deployed(house: House) -> None:
    await watching(house, "src/**")
    assert await push(house, 2) == "deployed"
    differs(house, 2, 3, "docs/a.md", known=False)
    assert await push(house, 3) == "deployed"


async def test_the_owners_word_deploys_whatever_changed_even_if_a_push_takes_its_place(house: House) -> None:
    await watching(house, "src/**")
    differs(house, 1, 2, "docs/a.md")
    came, _ = house.world.calls.block("source.head")
    await house.engine.projects.redeploy("hello", clear_cache=False)
    await came.wait()
    await house.engine.projects.redeploy("hello", clear_cache=False)
    headers, raw = house.delivery(house.commit(2), touched=("docs/a.md",))
    await house.engine.intake.receive(headers, raw)
    house.world.calls.release()
    await house.idle()
    assert house.serves() == sha(2)


async def test_a_poll_looks_at_what_changed_once_and_says_it_once(house: House) -> None:
    await watching(house, "src/**")
    house.commit(2)
    differs(house, 1, 2, "docs/a.md")
    for _ in range(3):
        await house.engine.polling.poll()
        await house.idle()
    assert [(v.source, v.code) for v in await house.verdicts()][1:] == [("poll", "unwatched")]
    assert house.world.calls.count("github.compare") == 1
    assert await push(house, 3, "docs/b.md") == "unwatched"
    assert await house.states() == ["live"]


async def test_a_github_that_does_not_compare_holds_nothing_up(house: House) -> None:
    await watching(house, "src/**")
    down = Unavailable(Code.GITHUB_UNREACHABLE, "no", fault=Fault.GITHUB)
    house.world.calls.fail("github.compare", down, down, down)
    assert await push(house, 2) == "deployed"
    assert (await house.newest()).attempt == 1
    house.commit(3)
    await house.engine.polling.poll()
    await house.idle()
    assert house.serves() == sha(3)


@pytest.mark.parametrize("mark", ["[skip ci]", "[ci skip]", "[no ci]", "[skip deploy]", "[skip actions]"])
async def test_each_mark_in_the_head_commit_skips(house: House, mark: str) -> None:
    await house.live(1)
    assert await push(house, 2, message=f"words {mark}") == "skip_marker"
    assert await push(house, 3, message="words") == "deployed"


async def drift(house: House) -> tuple[int | None, str] | None:
    found = (await house.engine.projects.get("hello")).drift
    return (found.behind, found.reason) if found else None


async def test_drift_says_how_far_since_when_and_why(house: House) -> None:
    await house.live(1)
    assert await drift(house) is None
    house.world.broken.add(sha(2))
    differs(house, 1, 2, ahead=3)
    began = house.world.now
    await push(house, 2)
    assert await drift(house) == (None, "#2 failed: the build failed")
    await house.engine.polling.poll()
    assert await drift(house) == (3, "#2 failed: the build failed")
    await house.wait(3600)
    house.world.broken.add(sha(3))
    differs(house, 1, 3, ahead=4)
    await push(house, 3)
    await house.engine.polling.poll()
    found = (await house.engine.projects.get("hello")).drift
    assert found and (found.behind, found.since) == (4, began)
    await push(house, 4)
    assert await drift(house) is None


async def test_a_paused_project_shows_what_it_misses_and_says_so_once(house: House) -> None:
    await house.live(1)
    await house.engine.projects.change("hello", ProjectChanges(fields={"paused": True}))
    house.commit(2)
    differs(house, 1, 2, ahead=1)
    for _ in range(2):
        await house.engine.polling.poll()
    assert await drift(house) == (1, "hello is paused: by you")
    assert [v.code for v in await house.verdicts()] == ["deployed", "paused"]
    await house.engine.projects.change("hello", ProjectChanges(fields={"paused": False}))
    await house.engine.polling.poll()
    await house.idle()
    assert (house.serves(), await drift(house)) == (sha(2), None)


async def test_another_branch_is_another_head(house: House) -> None:
    await house.live(1)
    await house.engine.projects.change("hello", ProjectChanges(fields={"paused": True}))
    await push(house, 2)
    await house.engine.projects.change("hello", ProjectChanges(fields={"branch": "next"}))
    assert await drift(house) is None


async def test_two_projects_on_one_repository_are_asked_for_in_one_request(house: House) -> None:
    await house.live(1)
    house.commit(11, branch="next")
    await house.create("other", branch="next")
    await house.create("twin")
    await house.idle()
    house.world.calls.clear()
    await house.engine.polling.poll()
    assert [name for name in house.world.calls.names if name.startswith("github.")] == ["github.branches"]
    house.commit(12, branch="next", message="no [skip ci]")
    house.commit(2)
    await house.engine.polling.poll()
    await house.idle()
    assert (house.serves(), house.serves("twin"), house.serves("other")) == (sha(2), sha(2), sha(11))
    assert (await house.verdicts("other"))[-1].code == "skip_marker"


async def test_out_of_order_forced_and_repeated_pushes_end_at_the_true_head(house: House) -> None:
    await house.live(1)
    first, second = house.commit(2), house.commit(3)
    await house.deliver(second)
    await house.deliver(first)  # the older one comes later
    await house.idle()
    assert house.serves() == sha(3)
    back, again = house.commit(1), house.commit(3)  # A, B, A by force
    for moved in (back, again, back):
        await house.deliver(moved)
    await house.idle()
    assert house.serves() == sha(3)
    await house.deliver(first, delivery_id="11111111-1111-1111-1111-111111111111")
    await house.idle()
    assert house.serves() == sha(3)
    await house.check_clean()
