"""The bare repositories in the sandbox's home; each appears on disk when it is first asked for."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from dulwich.refs import HEADREF
from dulwich.repo import Repo as GitRepo

from ..model import Repo, RepoId
from ..samples import seed_branches
from .write import Signature, branch_ref, commit_files, move_branch

SEED_AUTHOR = ("Ada Lovelace", "ada@example.com")


@dataclass(slots=True, kw_only=True)
class GitStore:
    """One folder per repository id, so that renames touch no disk."""

    root: Path
    made: set[RepoId] = field(default_factory=set)

    def path(self, repo: Repo) -> Path:
        return self.root / f"{repo.id}.git"

    def open(self, repo: Repo) -> GitRepo:
        """The repository, made and filled from its seed if this is the first look. Close it after use."""
        path = self.path(repo)
        if repo.id in self.made:
            return GitRepo(str(path))
        self.made.add(repo.id)
        git = GitRepo.init_bare(str(path), mkdir=True, default_branch=repo.default_branch.encode())
        _fill(git, repo)
        return git

    def ready(self, repo: Repo) -> Path:
        """The folder, certainly there: for those who read it by other means than `open`."""
        self.open(repo).close()
        return self.path(repo)

    def set_head(self, repo: Repo) -> None:
        with self.open(repo) as git:
            git.refs.set_symbolic_ref(HEADREF, branch_ref(repo.default_branch))

    def forget(self, repo: Repo) -> None:
        self.made.discard(repo.id)
        shutil.rmtree(self.path(repo), ignore_errors=True)


def _fill(git: GitRepo, repo: Repo) -> None:
    tip: str | None = None
    name, email = SEED_AUTHOR
    for number, (branch, files) in enumerate(seed_branches(repo.seed)):
        when = repo.created_at - timedelta(hours=1) + timedelta(minutes=number)
        message = "First version" if number == 0 else f"Work on {branch}"
        sha = commit_files(git, tip, files, message, Signature(name=name, email=email, when=when))
        move_branch(git, repo.default_branch if number == 0 else branch, sha)
        tip = tip or sha
