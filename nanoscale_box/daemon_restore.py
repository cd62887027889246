"""Puts a backup in place on a machine where no box runs, after it was proven; with `verify` only proves it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanoscale_box.adapters.archive import DATABASE, KEYS, ROUTES, SETTINGS, Manifest, unpack
from nanoscale_box.adapters.clock import SystemClock
from nanoscale_box.adapters.github import GithubApi
from nanoscale_box.adapters.vault import Vault, VaultKey, parse_keys, read_keys, write_keys
from nanoscale_box.adapters.vault_lock import unlock_keys
from nanoscale_box.config import Settings, read_settings, settings_file
from nanoscale_box.core.errors import BoxError, Code, ConfigurationError
from nanoscale_box.core.figures import counted
from nanoscale_box.core.secret import Secret
from nanoscale_box.daemon_home import hold_home
from nanoscale_box.engine.proving import Proof, prove
from nanoscale_box.store.database import Database
from nanoscale_box.store.snapshots import check_copy

_WHAT: Final = {
    "github_user_links": "the GitHub account must be connected again: nanoscale-box github connect",
    "keeper": "the App must be registered again: nanoscale-box github connect",
    "project_env": "variables of projects must be set again: nanoscale-box env set PROJECT KEY=VALUE",
    "deployments": "releases made before cannot be rolled back to",
    "project_github_links": "webhooks must be given new secrets: nanoscale-box secrets rotate-webhook",
}
"""What is lost with a secret of each table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was asked for."""

    file: Path
    verify: bool
    replace: bool
    passphrase: Callable[[], Secret]
    """Asked only when the backup holds keys."""


def restore(environ: Mapping[str, str], order: Order) -> int:
    """Carry it out and tell it; 0 when the backup is good and, unless it was only to be proven, in its place."""
    os.umask(0o077)
    try:
        return asyncio.run(_restore(read_settings(environ), settings_file(environ), order))
    except BoxError as error:
        sys.stderr.write(f"nanoscale-box: {error.detail}\n  {error.hint}\n")
        return 78 if error.code is Code.CONFIGURATION else 1


async def _restore(settings: Settings, own_settings: Path, order: Order) -> int:
    async with AsyncExitStack() as stack:
        home = settings.home
        if not order.verify:  # a box that runs is not touched by a proof
            hold_home(home, stack)
        if (home / DATABASE).exists() and not (order.verify or order.replace):
            raise ConfigurationError(
                Code.CONFIGURATION,
                f"there is a box at {home} already",
                hint="give --replace to move its database aside, or --verify to only prove the backup",
            )
        where = home if home.exists() else None
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="restore-", dir=where)))
        manifest = await asyncio.to_thread(unpack, order.file, folder)
        await asyncio.to_thread(check_copy, folder / DATABASE)
        keys = _keys(settings, folder, order)
        proof = await _proof(settings, folder, keys)
        _tell(manifest, proof)
        if order.verify:
            return 0 if proof.good else 1
        await asyncio.to_thread(_place, folder, settings, own_settings, keys)
    sys.stdout.write(
        f"The backup is in place at {home}. Start the box: nanoscale-box serve\n"
        "It deploys anew what ran, since releases are not in a backup; nor is what apps keep in DATA_DIR.\n"
    )
    return 0


def _keys(settings: Settings, folder: Path, order: Order) -> list[VaultKey]:
    """The keys of this machine, and those that the backup brings, which go first."""
    here = []
    if settings.encryption_keys:
        here = parse_keys(settings.encryption_keys.reveal().replace(",", "\n"), "NANOSCALE_ENCRYPTION_KEYS")
    elif settings.encryption_keys_file.exists():
        here = read_keys(settings.encryption_keys_file)
    locked = folder / KEYS
    brought = unlock_keys(locked.read_bytes(), order.passphrase()) if locked.exists() else []
    found = [*brought, *(key for key in here if key.id not in {one.id for one in brought})]
    if not found:
        raise ConfigurationError(
            Code.CONFIGURATION,
            "the backup has no keys in it, and there are none on this machine",
            hint=f"put the file of keys of the box that made it at {settings.encryption_keys_file}",
        )
    return found


async def _proof(settings: Settings, folder: Path, keys: list[VaultKey]) -> Proof:
    ledger = await Database.open(folder / DATABASE)
    github = GithubApi(settings.github_url, settings.github_api_url, None, SystemClock())
    try:
        return await prove(ledger, Vault(keys), github, settings.app)
    finally:
        await github.close()
        await ledger.close()


def _place(folder: Path, settings: Settings, own_settings: Path, keys: list[VaultKey]) -> None:
    """Move everything into the home; what is there goes aside, and the database comes last."""
    home = settings.home
    aside = home / f"before-restore-{SystemClock().now():%Y%m%dT%H%M%S}"
    for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", ROUTES):
        if (home / name).exists():
            aside.mkdir(mode=0o700, exist_ok=True)
            shutil.move(home / name, aside / name)
    if not settings.encryption_keys:
        write_keys(settings.encryption_keys_file, keys)
    if (folder / ROUTES).is_dir():
        shutil.move(folder / ROUTES, home / ROUTES)
    if (folder / SETTINGS).exists() and not own_settings.exists():
        own_settings.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.move(folder / SETTINGS, own_settings)
    (folder / DATABASE).replace(home / DATABASE)


def _tell(manifest: Manifest, proof: Proof) -> None:
    say = sys.stdout.write
    say(
        f"A backup of {manifest.made_at:%Y-%m-%d %H:%M} UTC by version {manifest.version}: "
        f"{counted(proof.projects, 'project')}.\n"
    )
    say(f"{counted(proof.opened, 'secret')} opened{', and not all:' if proof.shut else '.'}\n")
    for table, count in proof.shut.items():
        say(f"  {count} of {table} do not; {_WHAT.get(table, 'they are made anew when they are needed')}\n")
    if proof.github_problem:
        say(f"GitHub: {proof.github_problem.detail}\n  {proof.github_problem.hint}\n")
    elif proof.app:
        say(f"GitHub knows the App {proof.app}.\n")
    else:
        say("The box had no GitHub App.\n")
