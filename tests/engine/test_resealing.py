"""Keys are changed under a box at work: everything opens at every moment, and at the end the old key is needed no
more."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanoscale_box.adapters.vault import Vault, load_or_create_keys
from nanoscale_box.core.errors import BoxError, Code, Conflict
from nanoscale_box.core.model import EnvVar
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.records import AuditFilter, Page
from tests.engine.house import House

ME = "uid:0"
MANY = [(f"KEY_{number}", Secret(f"value {number}")) for number in range(120)]


@pytest.fixture
def keys(house: House, tmp_path: Path) -> Path:
    """The house's keys rest in a file from now on."""
    file = tmp_path / "keys"
    house.vault._keys, house.vault._file = load_or_create_keys(file), file
    house.vault._ciphers |= Vault(house.vault._keys)._ciphers
    return file


async def uses(house: House) -> list[tuple[bool, bool, int]]:
    return [(one.newest, one.here, one.uses) for one in await house.engine.upkeep.resealing.keys()]


async def test_everything_moves_to_the_new_key_and_the_old_one_may_go(house: House, keys: Path) -> None:
    await house.live(1)
    await house.engine.projects.replace_env((await house.project()).id, MANY)
    before = await house.engine.upkeep.resealing.keys()
    assert sum(one.uses for one in before) > 120
    told = await house.engine.upkeep.resealing.rotate(ME)
    assert (told[0].newest, told[0].uses) == (True, 0) and told[0].id not in {one.id for one in before}
    assert keys.read_text().count("\n") == 2 and keys.stat().st_mode & 0o777 == 0o600
    await house.idle()
    after = await house.engine.upkeep.resealing.keys()
    assert after[0].uses == sum(one.uses for one in before) and all(one.uses == 0 for one in after[1:])
    house.vault._keys = load_or_create_keys(keys)[:1]
    house.vault._ciphers = Vault(house.vault._keys)._ciphers
    await house.restart()
    env = await house.engine.projects._releases.environment((await house.project()).id)
    assert [(one.key, one.value) for one in env] == sorted(MANY) and isinstance(env[0], EnvVar)
    await house.push(2)
    await house.idle()
    assert await house.states() == ["retired", "live"]
    entries, _ = await house.engine.upkeep.audit.list(AuditFilter(action="keys"), Page())
    assert [one.act.action for one in entries] == ["keys.resealed", "keys.rotated"]


async def test_what_no_key_opens_stays_is_told_and_holds_nothing_up(house: House, keys: Path) -> None:
    await house.live(1)
    await house.engine.projects.replace_env((await house.project()).id, MANY[:3])
    lost = house.vault.ids()[0]
    others = load_or_create_keys(keys.with_name("other"))
    house.vault._keys, house.vault._ciphers = others, Vault(others)._ciphers
    await house.engine.upkeep.resealing.rotate(ME)
    await house.idle()
    (gone,) = [one for one in await house.engine.upkeep.resealing.keys() if not one.here]
    assert gone.id == lost and gone.uses > 3
    with pytest.raises(BoxError) as refused:
        await house.engine.projects._releases.environment((await house.project()).id)
    assert refused.value.code is Code.KEY_UNKNOWN


async def test_keys_that_are_not_the_boxs_to_change_say_what_to_do(house: House) -> None:
    with pytest.raises(Conflict) as refused:
        await house.engine.upkeep.resealing.rotate(ME)
    assert "put a new key before the others" in refused.value.hint
    assert len(await uses(house)) == 1
