"""The sample world: who exists, which repositories they own, and what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from . import ids
from .model import Account, AccountId, AccountType, Repo, RepoId
from .sample_files import FEATURE_PAGE, SEEDS
from .state import State

Seed = list[tuple[str, dict[str, str]]]

ADJECTIVES = ("quiet", "brisk", "amber", "lunar", "nimble", "polite", "rapid", "solid", "tidy", "vivid")
NOUNS = ("ledger", "beacon", "parser", "garden", "mailer", "planner", "scraper", "gateway", "journal", "widget")


def populate(state: State, now: datetime, *, sample_repos: int) -> None:
    """Fill an empty state with the people and repositories that every demo and test may rely on."""
    ada = add_account(state, "ada", "Ada Lovelace", now)
    add_account(state, "eve", "Eve", now)
    grace = add_account(state, "grace", "Grace Hopper", now)
    analytical = add_account(state, "analytical", "Analytical Engines", now, kind=AccountType.ORGANIZATION)
    analytical.members = {ada.id: "admin", grace.id: "member"}
    add_repo(state, ada, "hello", now, seed="hello", language="Python", description="The sample app")
    add_repo(state, ada, "website", now, private=False, seed="website", language="HTML", description="A static site")
    add_repo(state, ada, "api", now, seed="api", language="Python", description="A small Python service")
    add_repo(state, ada, "node-app", now, seed="node-app", language="JavaScript", description="A small Node app")
    add_repo(state, analytical, "engine", now, seed="engine", language="Python", description="The engine itself")
    for number, name in enumerate(generated_names(sample_repos)):
        created = now - timedelta(minutes=number + 1)
        add_repo(state, ada, name, created, private=number % 3 != 0, seed="empty-app", language="Python")


def generated_names(count: int) -> Iterator[str]:
    for number in range(count):
        adjective = ADJECTIVES[number % len(ADJECTIVES)]
        noun = NOUNS[number // len(ADJECTIVES) % len(NOUNS)]
        yield f"{adjective}-{noun}-{number:04d}"


def add_account(state: State, login: str, name: str, now: datetime, *, kind: AccountType = AccountType.USER) -> Account:
    person = kind is AccountType.USER
    account = Account(
        id=AccountId(state.ids.next("account")),
        login=login,
        type=kind,
        name=name,
        email=f"{login}@example.com" if person else None,
        created_at=now,
        personal_token=ids.short_token("ghp") if person else None,
    )
    state.accounts[account.id] = account
    return account


def add_repo(
    state: State,
    owner: Account,
    name: str,
    now: datetime,
    *,
    seed: str = "empty",
    private: bool = True,
    language: str | None = None,
    description: str | None = None,
) -> Repo:
    """Record a repository; a new one takes an old name away from whoever was renamed from it."""
    repo = Repo(
        id=RepoId(state.ids.next("repo")),
        owner_id=owner.id,
        name=name,
        private=private,
        seed=seed,
        created_at=now,
        updated_at=now,
        pushed_at=now,
        language=language,
        description=description,
    )
    state.repos[repo.id] = repo
    state.old_names.pop(state.full_name(repo).casefold(), None)
    return repo


def seed_branches(seed: str) -> Seed:
    """The branches of a fresh repository in the order they are made, each with the files it adds."""
    files = SEEDS.get(seed, {})
    if not files:
        return []
    branches: Seed = [("main", files)]
    if seed == "hello":
        branches += [("feature/x", {"page.txt": FEATURE_PAGE}), ("日本", {"page.txt": "こんにちは\n"})]
    return branches
