"""The vault: what it seals opens in its place and nowhere else, and its file of keys is private."""

from __future__ import annotations

import base64
import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nanoscale_box.adapters.vault import Vault, VaultKey, key_id_of, load_or_create_keys, new_key, parse_keys
from nanoscale_box.core.errors import BoxError, Code, ConfigurationError
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.ports import Place

OLD = VaultKey(key=bytes(range(32)))
NEW = VaultKey(key=bytes(range(1, 33)))
PLACE = Place(table="github_user_links", row="gul_1", column="access_token_encrypted")

parts = st.text(max_size=20)
places = st.builds(Place, table=parts, row=parts, column=parts)


def refusal(vault: Vault, sealed: str, place: Place = PLACE) -> Code:
    with pytest.raises(BoxError) as caught:
        vault.open(sealed, place)
    assert caught.value.detail and caught.value.hint
    return caught.value.code


@given(text=st.text(), place=places)
def test_what_is_sealed_opens_in_its_place(text: str, place: Place) -> None:
    vault = Vault([OLD])
    assert vault.open(vault.seal(Secret(text), place), place) == Secret(text)


@given(text=st.text(), place=places, other=places)
def test_a_moved_text_does_not_open(text: str, place: Place, other: Place) -> None:
    assume(place != other)
    vault = Vault([OLD])
    assert refusal(vault, vault.seal(Secret(text), place), other) is Code.SEAL_BROKEN


@given(text=st.text(min_size=1, max_size=6), cut=st.integers(0, 6), again=st.integers(0, 6))
def test_places_whose_parts_run_together_differ(text: str, cut: int, again: int) -> None:
    one = Place(table=text[:cut], row=text[cut:], column="")
    other = Place(table=text[:again], row=text[again:], column="")
    assume(one != other)
    vault = Vault([OLD])
    assert refusal(vault, vault.seal(Secret("x"), one), other) is Code.SEAL_BROKEN


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_is_noticed(position: int, bit: int) -> None:
    vault = Vault([OLD])
    head, _, body = vault.seal(Secret("the secret"), PLACE).rpartition(".")
    raw = bytearray(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    raw[position % len(raw)] ^= 1 << bit
    altered = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert refusal(vault, f"{head}.{altered}") is Code.SEAL_BROKEN


@given(text=st.text(max_size=80))
def test_any_other_text_is_refused_by_name(text: str) -> None:
    assert refusal(Vault([OLD]), text) in (Code.SEAL_BROKEN, Code.KEY_UNKNOWN)


@pytest.mark.parametrize("spoil", ["{}=", "{}\n", " {}", "{}.", "v1.{}", "{}A"])
def test_a_sealed_text_has_one_spelling(spoil: str) -> None:
    vault = Vault([OLD])
    assert refusal(vault, spoil.format(vault.seal(Secret("abc"), PLACE))) in (Code.SEAL_BROKEN, Code.KEY_UNKNOWN)


def test_the_form_is_version_key_and_text_without_the_secret() -> None:
    sealed = Vault([OLD]).seal(Secret("ghu_notforyoureyes"), PLACE)
    version, key_id, body = sealed.split(".")
    assert (version, key_id) == ("v1", OLD.id) and len(OLD.id) == 8
    assert key_id_of(sealed) == OLD.id
    assert b"ghu_" not in base64.urlsafe_b64decode(body + "==")


def test_the_same_secret_is_never_sealed_alike() -> None:
    vault = Vault([OLD])
    assert len({vault.seal(Secret("same"), PLACE) for _ in range(200)}) == 200


def test_the_newest_key_seals_and_older_ones_still_open() -> None:
    sealed = Vault([OLD]).seal(Secret("before"), PLACE)
    both = Vault([NEW, OLD])
    assert both.open(sealed, PLACE) == Secret("before")
    assert key_id_of(both.seal(Secret("after"), PLACE)) == NEW.id == both.ids()[0]


def test_a_dropped_key_is_named() -> None:
    sealed = Vault([OLD]).seal(Secret("before"), PLACE)
    with pytest.raises(BoxError, match=OLD.id) as caught:
        Vault([NEW]).open(sealed, PLACE)
    assert caught.value.code is Code.KEY_UNKNOWN


def test_a_text_that_names_another_key_than_sealed_it_does_not_open() -> None:
    sealed = Vault([OLD]).seal(Secret("x"), PLACE).replace(OLD.id, NEW.id)
    assert refusal(Vault([NEW, OLD]), sealed) is Code.SEAL_BROKEN


def test_a_key_does_not_print() -> None:
    assert OLD.line() not in repr(OLD) and "\\x01" not in repr(OLD)


def test_the_file_is_made_once_private_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "box" / "keys"
    made = load_or_create_keys(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_create_keys(path) == made and len(made) == 1
    assert os.listdir(path.parent) == ["keys"]


def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        load_or_create_keys(tmp_path / "keys")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o600


def test_many_at_once_agree_on_one_key(tmp_path: Path) -> None:
    found: list[list[VaultKey]] = []
    threads = [threading.Thread(target=lambda: found.append(load_or_create_keys(tmp_path / "keys"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and all(keys == found[0] for keys in found)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666, 0o601])
def test_a_file_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keys"
    load_or_create_keys(path)
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match=f"{mode:04o}") as caught:
        load_or_create_keys(path)
    assert "chmod 600" in caught.value.hint


@pytest.mark.parametrize(
    "content",
    ["", "\n\n", "abc", "====", "é" * 44, base64.b64encode(b"x" * 31).decode(), base64.b64encode(b"x" * 33).decode(),
     f"{OLD.line()}\nnonsense", f"{OLD.line()}\n{OLD.line()}", "A" * 70_000],
)  # fmt: skip
def test_a_malformed_file_is_a_sentence_that_shows_no_key(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError) as caught:
        load_or_create_keys(path)
    assert str(path) in caught.value.detail and OLD.line() not in caught.value.detail
    assert path.read_text() == content


def test_a_folder_or_a_pipe_is_no_file_of_keys(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in (".", "pipe"):
        with pytest.raises(ConfigurationError):
            load_or_create_keys(tmp_path / name)


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        load_or_create_keys(tmp_path / "file" / "keys")


def test_keys_are_read_newest_first_in_either_alphabet() -> None:
    key = VaultKey(key=b"\xfb\xff" * 16)
    urlsafe = base64.urlsafe_b64encode(key.key).decode()
    assert parse_keys(f"{urlsafe}\n\n  {OLD.line()}  \n", "here") == [key, OLD]


def test_new_keys_differ() -> None:
    assert len({new_key().id for _ in range(20)}) == 20


def test_no_key_at_all_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        Vault([])
