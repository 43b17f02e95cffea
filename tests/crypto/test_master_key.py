from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vasya_server.crypto.derive import Purpose
from vasya_server.crypto.master_key import (
    KeySource,
    MasterKey,
    load_master_key,
    parse_master_key,
)
from vasya_server.errors import ConfigurationInvalid, KeychainLocked, MasterKeyMismatch
from vasya_server.settings import load

if TYPE_CHECKING:
    from vasya_server.settings import Settings

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "master_key.json").read_text("utf-8"))
HEX = VECTORS["key"]
KID = "068534daee76837b"


class MemoryKeychain:
    def __init__(self, **kept: str) -> None:
        self.kept = kept

    def get(self, user: str) -> str | None:
        return self.kept.get(user)

    def set(self, user: str, secret: str) -> None:
        self.kept[user] = secret


class LockedKeychain(MemoryKeychain):
    def get(self, user: str) -> str | None:
        raise KeychainLocked(user)


def key_file(folder: Path, text: str = HEX, mode: int = 0o600) -> Path:
    path = folder / "vasya.key"
    path.write_text(text)
    path.chmod(mode)
    return path


def settings(**environ: str) -> Settings:
    return load(environ)


@pytest.mark.parametrize("case", VECTORS["accepted"], ids=lambda case: case["name"])
def test_every_form_of_a_key_is_read(case: dict[str, str]) -> None:
    assert parse_master_key(case["text"]).kid.hex() == KID


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["name"])
def test_what_is_no_random_key_is_refused(case: dict[str, str]) -> None:
    with pytest.raises(ConfigurationInvalid) as refusal:
        parse_master_key(case["text"])
    assert refusal.value.exit_code == 78


def test_the_refusal_does_not_repeat_the_key() -> None:
    with pytest.raises(ConfigurationInvalid) as refusal:
        parse_master_key(HEX[:-1])
    assert HEX[:16] not in str(refusal.value)


def test_a_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="internal error"):
        MasterKey(bytes(31))


def test_a_key_shows_nothing_of_itself(key: MasterKey) -> None:
    assert repr(key) == str(key) == "MasterKey(…)"


def test_a_closed_key_derives_nothing(key: MasterKey) -> None:
    key.close()
    key.close()
    with pytest.raises(ValueError, match="closed"):
        key.derive(Purpose.SESSION)


def test_the_environment_goes_first() -> None:
    key, source = load_master_key(
        settings(SESSION_MASTER_KEY=HEX),
        data_dir_id="d1",
        may_create=False,
        keychain=LockedKeychain(),
    )
    assert (key.kid.hex(), source) == (KID, KeySource.ENVIRONMENT)


def test_a_private_file_is_read(tmp_path: Path) -> None:
    key, source = load_master_key(
        settings(SESSION_MASTER_KEY_FILE=str(key_file(tmp_path, HEX + "\n"))),
        data_dir_id="d1",
        may_create=False,
        keychain=LockedKeychain(),
    )
    assert (key.kid.hex(), source) == (KID, KeySource.FILE)


def refused_file(path: Path) -> str:
    with pytest.raises(ConfigurationInvalid) as refusal:
        load_master_key(
            settings(SESSION_MASTER_KEY_FILE=str(path)),
            data_dir_id="d1",
            may_create=True,
            keychain=MemoryKeychain(),
        )
    return refusal.value.detail


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o601, 0o660, 0o644])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    assert "chmod 600" in refused_file(key_file(tmp_path, mode=mode))


def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = Path("/etc/passwd")
    if os.geteuid() == path.stat().st_uid:
        path = key_file(tmp_path)
        os.chown(path, 65534, -1)
    assert "must belong to the user of this process" in refused_file(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refused_file(tmp_path / "absent")


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert "SESSION_MASTER_KEY_FILE" in refused_file(tmp_path)


def test_a_named_pipe_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "not a regular file" in refused_file(tmp_path / "pipe")


def test_a_file_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    assert "32 random bytes" in refused_file(key_file(tmp_path, "ключ" * 1000))


def test_the_keychain_gives_the_key_of_this_data_dir() -> None:
    keychain = MemoryKeychain(**{"session-master-key:d1": HEX})
    key, source = load_master_key(settings(), data_dir_id="d1", may_create=False, keychain=keychain)
    assert (key.kid.hex(), source) == (KID, KeySource.KEYCHAIN)


def test_a_new_data_dir_gets_a_new_key_that_the_keychain_keeps() -> None:
    keychain = MemoryKeychain(**{"session-master-key:d1": HEX})

    key, _ = load_master_key(settings(), data_dir_id="d2", may_create=True, keychain=keychain)

    again, _ = load_master_key(settings(), data_dir_id="d2", may_create=False, keychain=keychain)
    assert key.kid == again.kid
    assert key.kid.hex() != KID


def test_a_sealed_data_dir_never_gets_a_new_key() -> None:
    keychain = MemoryKeychain()
    with pytest.raises(MasterKeyMismatch):
        load_master_key(settings(), data_dir_id="d1", may_create=False, keychain=keychain)
    assert keychain.kept == {}


def test_a_locked_keychain_never_leads_to_a_new_key() -> None:
    keychain = LockedKeychain()
    with pytest.raises(KeychainLocked):
        load_master_key(settings(), data_dir_id="d1", may_create=True, keychain=keychain)
    assert keychain.kept == {}
