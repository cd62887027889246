"""Reads `.gitmodules`: which repository belongs at which path."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Final

from nanoscale_box.adapters.git_messages import Submodule
from nanoscale_box.adapters.git_names import shown
from nanoscale_box.adapters.git_tree import Listing
from nanoscale_box.core.errors import Code, DeployFailed

_NAME: Final = b".gitmodules"
_MAX_SUBMODULES: Final = 100
_MAX_TEXT: Final = 1000
_MAX: Final = 256 * 1024


def submodules_of(job: int, listing: Listing, content: Callable[[bytes], bytes]) -> list[Submodule]:
    """The submodules of a tree with where they come from. Raises `DeployFailed` for one that nobody can find."""
    if not listing.submodules:
        return []
    if len(listing.submodules) > _MAX_SUBMODULES:
        raise _refused(b"", f"the repository has more than {_MAX_SUBMODULES} submodules")
    blob = next((name for name, places in listing.files.items() if any(path == _NAME for path, _ in places)), None)
    urls = submodule_urls(content(blob)) if blob is not None else {}
    return [_submodule(job, path, sha, urls.get(path)) for path, sha in listing.submodules.items()]


def _submodule(job: int, path: bytes, sha: bytes, url: str | None) -> Submodule:
    name = path.decode("utf-8", "replace")
    if url is None:
        raise _refused(path, f"the submodule {shown(path)} is not in .gitmodules, which would say where it comes from")
    if name.encode() != path or not name.isprintable() or max(len(path), len(url)) > _MAX_TEXT:
        raise _refused(path, f"the submodule {shown(path)} has a path or an address that cannot be used")
    return Submodule(job=job, path=name, url=url, sha=sha.hex())


def _refused(path: bytes, detail: str) -> DeployFailed:
    hint = f"add it anew with `git submodule add`, or remove {shown(path) or 'some'} from the branch"
    return DeployFailed(Code.SOURCE_REFUSED, detail, hint=hint)


def submodule_urls(content: bytes) -> dict[bytes, str]:
    """Path to address, as the file says; what is malformed is not there. Nothing is said of the addresses."""
    # Few repositories have any, and each process of a job holds what the worker has loaded.
    from dulwich.config import ConfigFile, parse_submodules  # noqa: PLC0415 - see above

    if len(content) > _MAX:
        return {}
    try:
        found = list(parse_submodules(ConfigFile.from_file(BytesIO(content))))
    except (ValueError, KeyError, LookupError):
        return {}
    return {path: url.decode("utf-8", "replace") for path, url, _ in found}
