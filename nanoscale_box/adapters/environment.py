"""The environments of builds and apps: given in full, with nothing of the box's own in them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from nanoscale_box.core.model import EnvVar
from nanoscale_box.core.plan import Plan

_CACHES: Final = {
    "XDG_CACHE_HOME": "xdg",
    "PIP_CACHE_DIR": "pip",
    "UV_CACHE_DIR": "uv",
    "POETRY_CACHE_DIR": "poetry",
    "PIPENV_CACHE_DIR": "pipenv",
    "npm_config_cache": "npm",
    "YARN_CACHE_FOLDER": "yarn",
    "BUN_INSTALL_CACHE_DIR": "bun",
    "GOCACHE": "go-build",
    "GOMODCACHE": "go-mod",
    "CARGO_HOME": "cargo",
    "COMPOSER_CACHE_DIR": "composer",
}

# A hard link from a cache would let one release change another. npm complains of settings it does not know.
_NO_HARD_LINKS: Final = {"UV_LINK_MODE": "copy"}
_NO_HARD_LINKS_IN_PNPM: Final = {"npm_config_package_import_method": "copy"}


def of_build(plan: Plan, env: Sequence[EnvVar], *, work: Path, cache: Path, search_path: str) -> dict[str, str]:
    """What install and build commands see. Every cache lies in the project's own, so clearing that clears them all."""
    caches = {name: str(cache / folder) for name, folder in _CACHES.items()}
    return {
        **caches,
        "CI": "true",
        **_NO_HARD_LINKS,
        **(_NO_HARD_LINKS_IN_PNPM if "pnpm" in plan.needs else {}),
        **_common(plan, env, work=work, search_path=search_path),
        "HOME": str(build_home(cache)),
        "TMPDIR": str(build_tmp(cache)),
    }


def of_app(
    plan: Plan, env: Sequence[EnvVar], *, work: Path, data: Path, port: int | None, search_path: str
) -> dict[str, str]:
    """What a running app sees; without a port, what a command of its sees that listens to nobody."""
    listening = {} if port is None else {"PORT": str(port), "HOST": "127.0.0.1"}
    return {
        "HOME": str(data),
        **_common(plan, env, work=work, search_path=search_path),
        **listening,
        "DATA_DIR": str(data),
    }


def build_home(cache: Path) -> Path:
    """The home folder of a project's builds."""
    return cache / "home"


def build_tmp(cache: Path) -> Path:
    """The folder for temporary files of a project's builds."""
    return cache / "tmp"


def search_path_of(plan: Plan, work: Path, search_path: str) -> str:
    """Where programs are looked for: the release's own folders first."""
    return os.pathsep.join([*(str(work / folder) for folder in plan.path_prefix), search_path])


def _common(plan: Plan, env: Sequence[EnvVar], *, work: Path, search_path: str) -> Mapping[str, str]:
    return {
        "LANG": "C.UTF-8",
        **plan.env,
        **{var.key: var.value.reveal() for var in env},
        "PATH": search_path_of(plan, work, search_path),
    }
