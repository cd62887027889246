"""Seals secrets for the disk: AES-256-GCM, bound to the table, row and column where the sealed text rests."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nanoscale_box.core.errors import Code, ConfigurationError, Conflict, Fault, Unavailable
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.ports import Place

_VERSION: Final = "v1"
_KEY_BYTES: Final = 32
# 96 random bits, the size GCM is made for; one key is good for 2**32 seals: NIST SP 800-38D, 8.3.
_NONCE_BYTES: Final = 12
_KEY_ID_LABEL: Final = b"nanoscale-box key id v1\0"
_PLACE_LABEL: Final = b"nanoscale-box seal v1\0"
_LARGEST_FILE: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultKey:
    """One AES-256 key; `id` is derived from it, says nothing of it, and stands in every text it sealed."""

    key: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Eight hexadecimal digits."""
        return hashlib.sha256(_KEY_ID_LABEL + self.key).hexdigest()[:8]

    def line(self) -> str:
        """The key as it stands in a file of keys."""
        return base64.b64encode(self.key).decode()


def new_key() -> VaultKey:
    """A random key from the kernel."""
    return VaultKey(key=os.urandom(_KEY_BYTES))


class Vault:
    """Seals with the newest key, opens with any; the first of `keys` is the newest."""

    def __init__(self, keys: Sequence[VaultKey], file: Path | None = None) -> None:
        """`file` is where the keys rest, if the box may write there."""
        if not keys:
            raise ConfigurationError(Code.CONFIGURATION, "there is no encryption key", hint="give at least one key")
        self._file = file
        self._keys = list(keys)
        self._ciphers = {key.id: AESGCM(key.key) for key in keys}

    def ids(self) -> list[str]:
        """The ids of all keys, the newest, which seals, first; a text that names another is due for re-sealing."""
        return [key.id for key in self._keys]

    @property
    def keys(self) -> Sequence[VaultKey]:
        """The keys themselves, for a backup that locks them."""
        return self._keys

    def renew(self) -> str:
        """A new key in front of the others, in the file before it seals anything; give its id. `Conflict` when the
        keys do not rest in a file of the box's."""
        if self._file is None:
            raise Conflict(
                Code.STATE_CONFLICT,
                "the encryption keys do not rest in a file that the box may write",
                hint="put a new key before the others where you keep them, restart the box, and run this again",
            )
        keys = [new_key(), *self._keys]
        try:
            _replace(self._file, keys)
        except OSError as error:
            raise Unavailable(
                Code.STORE_UNAVAILABLE,
                f"the new key could not be written to {self._file}: {error.strerror}",
                hint="see that the file's folder has room and belongs to the box's user",
                fault=Fault.OWNER,
            ) from error
        self._ciphers[keys[0].id] = AESGCM(keys[0].key)
        self._keys = keys
        return keys[0].id

    def seal(self, secret: Secret, place: Place) -> str:
        """The sealed text for exactly this place."""
        nonce = os.urandom(_NONCE_BYTES)
        plain = secret.reveal().encode("utf-8", "surrogatepass")
        newest = self._keys[0].id
        body = nonce + self._ciphers[newest].encrypt(nonce, plain, _bound_to(place))
        return f"{_VERSION}.{newest}.{_encode(body)}"

    def open(self, sealed: str, place: Place) -> Secret:
        """The secret; `key_unknown` when its key is not here, `seal_broken` when it was altered or moved."""
        key_id, body = _parts(sealed, place)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise Unavailable(
                Code.KEY_UNKNOWN,
                f"a secret in {place.table}.{place.column} was sealed with the key {key_id}, which is not here",
                hint="put that key back into the file of keys, below the newest, or enter the secret again",
            )
        try:
            plain = cipher.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], _bound_to(place))
        except (InvalidTag, ValueError) as error:
            raise _broken(place) from error
        return Secret(plain.decode("utf-8", "surrogatepass"))


def key_id_of(sealed: str) -> str:
    """The key a sealed text names, or nothing if it is no sealed text."""
    parts = sealed.split(".")
    return parts[1] if len(parts) == 3 and parts[0] == _VERSION else ""


def parse_keys(text: str, origin: str) -> list[VaultKey]:
    """The keys in `text`, one a line in base64, newest first; `origin` says in errors where they stand."""
    keys: list[VaultKey] = []
    seen: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        key = VaultKey(key=_key_bytes(line.strip(), number, origin))
        if key.id in seen:
            raise _malformed(f"Line {number} of {origin} repeats a key that stands above it.")
        seen.add(key.id)
        keys.append(key)
    if not keys:
        raise _malformed(f"There is no encryption key in {origin}.")
    return keys


def load_or_create_keys(path: Path) -> list[VaultKey]:
    """The keys in the file at `path`, which is made with one random key if it is not there yet."""
    try:
        if not path.exists():
            _create(path, new_key())
    except OSError as error:
        raise _unusable(path, error) from error
    return read_keys(path)


def write_keys(path: Path, keys: Sequence[VaultKey]) -> None:
    """Put these keys into the file, whole or not at all, in place of what it held."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(path, keys)
    except OSError as error:
        raise _unusable(path, error) from error


def read_keys(path: Path) -> list[VaultKey]:
    """The keys in a file that is there, which nobody else may be able to read."""
    try:
        text = _read_private(path)
    except OSError as error:
        raise _unusable(path, error) from error
    return parse_keys(text, str(path))


def _unusable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        Code.CONFIGURATION,
        f"the encryption keys in {path} cannot be used: {error.strerror or 'input or output failed'}",
        hint="see that the file and its folder belong to the user the box runs as",
    )


def _create(path: Path, key: VaultKey) -> None:
    """Make the file whole or not at all, without ever replacing one that is there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = _written(path, [key])
    try:
        path.hardlink_to(name)
    except FileExistsError:
        return  # someone else was first; their key is the key
    finally:
        name.unlink()
    _sync_folder(path.parent)


def _replace(path: Path, keys: Sequence[VaultKey]) -> None:
    """Put these keys into the file, whole or not at all."""
    name = _written(path, keys)
    try:
        name.replace(path)
    except OSError:
        name.unlink()
        raise
    _sync_folder(path.parent)


def _written(path: Path, keys: Sequence[VaultKey]) -> Path:
    """A file beside `path` with these keys, on disk, for the owner alone."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    with os.fdopen(descriptor, "wb") as file:
        file.write("".join(f"{key.line()}\n" for key in keys).encode())
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read_private(path: Path) -> str:
    # O_NONBLOCK: opening a named pipe would otherwise wait for its writer for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise _malformed(f"{path} is not a file.")
        if found.st_mode & 0o077:
            raise ConfigurationError(
                Code.CONFIGURATION,
                f"other users can reach the encryption keys in {path} (mode {stat.S_IMODE(found.st_mode):04o})",
                hint=f"run: chmod 600 {path}",
            )
        raw = file.read(_LARGEST_FILE + 1)
    if len(raw) > _LARGEST_FILE:
        raise _malformed(f"{path} is too large to be a file of keys.")
    return raw.decode("ascii", "replace")


def _key_bytes(line: str, number: int, origin: str) -> bytes:
    try:
        key = base64.b64decode(line.translate(str.maketrans("-_", "+/")), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        # The line itself may be a mistyped key, so it is not shown.
        raise _malformed(f"Line {number} of {origin} is not a key: 32 bytes in base64 (44 characters) are expected.")
    return key


def _bound_to(place: Place) -> bytes:
    """Each part with its length before it, so that no two places have one encoding."""
    parts = (part.encode("utf-8", "surrogatepass") for part in (place.table, place.row, place.column))
    return _PLACE_LABEL + b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def _parts(sealed: str, place: Place) -> tuple[str, bytes]:
    key_id, _, text = sealed.removeprefix(f"{_VERSION}.").partition(".")
    try:
        body = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _broken(place) from error
    if sealed != f"{_VERSION}.{key_id}.{_encode(body)}":  # one secret, one spelling
        raise _broken(place)
    return key_id, body


def _encode(body: bytes) -> str:
    return base64.urlsafe_b64encode(body).decode().rstrip("=")


def _broken(place: Place) -> Unavailable:
    return Unavailable(
        Code.SEAL_BROKEN,
        f"a secret in {place.table}.{place.column} does not open: the stored text was damaged or moved",
        hint="enter the secret again, or restore the latest backup",
        fault=Fault.OWNER,
    )


def _malformed(sentence: str) -> ConfigurationError:
    hint = "restore the file of keys from where you keep a copy; without it sealed secrets cannot be opened"
    return ConfigurationError(Code.CONFIGURATION, sentence, hint=hint)
