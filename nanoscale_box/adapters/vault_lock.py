"""Keys under a passphrase, for a backup that leaves the machine: scrypt makes the key, AES-256-GCM locks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from nanoscale_box.adapters.vault import VaultKey, parse_keys
from nanoscale_box.core.errors import Code, ConfigurationError
from nanoscale_box.core.secret import Secret

MIN_PASSPHRASE: Final = 12
"""Characters: who holds the file can try as often as they like."""
_LABEL: Final = b"nanoscale-box locked keys v1\0"
_SALT, _NONCE = 16, 12
_N, _R, _P = 2**16, 8, 1  # 64 MiB and about 0.2 s a try; OWASP's second choice for scrypt


def lock_keys(keys: Sequence[VaultKey], passphrase: Secret) -> bytes:
    """The keys as bytes that only the passphrase opens. `ConfigurationError` for a short passphrase."""
    if len(passphrase.reveal()) < MIN_PASSPHRASE:
        raise ConfigurationError(
            Code.CONFIGURATION,
            f"the passphrase has fewer than {MIN_PASSPHRASE} characters",
            hint="whoever finds the backup can try as often as they like: choose a longer one",
        )
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    plain = "".join(f"{key.line()}\n" for key in keys).encode()
    return salt + nonce + AESGCM(_stretched(passphrase, salt)).encrypt(nonce, plain, _LABEL)


def unlock_keys(locked: bytes, passphrase: Secret) -> list[VaultKey]:
    """The keys again; `ConfigurationError` when the passphrase is not the one."""
    salt, nonce, body = locked[:_SALT], locked[_SALT : _SALT + _NONCE], locked[_SALT + _NONCE :]
    try:
        plain = AESGCM(_stretched(passphrase, salt)).decrypt(nonce, body, _LABEL)
    except (InvalidTag, ValueError) as error:
        raise ConfigurationError(
            Code.CONFIGURATION,
            "the passphrase does not open the keys in the backup",
            hint="give the one that was set when it was made, or put the file of keys beside the home yourself",
        ) from error
    return parse_keys(plain.decode(), "the backup")


def _stretched(passphrase: Secret, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_N, r=_R, p=_P).derive(passphrase.reveal().encode("utf-8", "surrogatepass"))
