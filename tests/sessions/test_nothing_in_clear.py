from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from vasya_server.ids import AccountId
from vasya_server.sessions.peers import Peer
from vasya_server.sessions.vault import Profile, SessionState, Vault
from vasya_server.store.migrate import migrate
from vasya_server.store.sqlite import open_sqlite

if TYPE_CHECKING:
    from pathlib import Path

    from vasya_server.clock import Clock
    from vasya_server.crypto.master_key import MasterKey

ACCOUNT = AccountId("acc_aaaaaaaaaaaaaaaaaaaaaaaaaa")
AUTH_KEY = bytes(range(256))
USER_ID = 7_123_456_789
PEER_ID = 6_987_654_321
ACCESS_HASH = 0x1122334455667788
SECRETS = {
    "auth key": AUTH_KEY[:24],
    "auth key in hex": AUTH_KEY[:16].hex().encode(),
    "session string": base64.urlsafe_b64encode(AUTH_KEY)[:24],
    "address": b"149.154.167.51",
    "user id": str(USER_ID).encode(),
    "user id in bytes": USER_ID.to_bytes(8, "big")[3:],
    "user id in bytes, low first": USER_ID.to_bytes(8, "little")[:5],
    "phone": b"4915112345678",
    "first name": b"Rosalind",
    "last name": b"Franklin",
    "name in Cyrillic": "Розалинда".encode(),
    "username": b"photo51",
    "username as written": b"Photo51",
    "api hash": b"0123456789abcdef0123456789abcdef",
    "api id": b"91827364",
    "subject": b"rosalind@example.org",
    "subject in lower case": b"rosalind",
    "peer's username": b"maurice_w",
    "peer's username as written": b"Maurice_W",
    "peer's phone": b"447700900123",
    "peer's id": str(PEER_ID).encode(),
    "peer's id in bytes": PEER_ID.to_bytes(8, "big")[3:],
    "access hash": ACCESS_HASH.to_bytes(8, "big"),
    "master key": bytes(range(32)),
    "master key in hex": bytes(range(32)).hex().encode(),
}


def found_in(folder: Path) -> list[tuple[str, str]]:
    files = {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert "vasya.db" in files
    return [
        (name, secret)
        for name, content in files.items()
        for secret, text in SECRETS.items()
        if text in content
    ]


async def test_no_file_of_the_data_dir_names_a_person_or_holds_a_key(
    tmp_path: Path, path: Path, key: MasterKey, clock: Clock
) -> None:
    session = SessionState(
        dc_id=2, host="149.154.167.51", port=443, auth_key=AUTH_KEY, user_id=USER_ID
    )
    profile = Profile(
        user_id=USER_ID,
        first_name="Rosalind Розалинда",
        last_name="Franklin",
        username="Photo51",
        phone="4915112345678",
    )
    db = await open_sqlite(path)
    await migrate(db)
    vault = Vault(db, key, clock)
    await vault.verify_key()
    owner = await vault.owner("rosalind@example.org")
    await vault.create(owner, ACCOUNT, session, profile)
    await vault.save_session(ACCOUNT, session)
    await vault.save_profile(ACCOUNT, profile)
    await vault.save_credentials(owner, 91827364, "0123456789abcdef0123456789abcdef")
    peers = vault.peers(owner, ACCOUNT)
    await peers.put([Peer(PEER_ID, ACCESS_HASH, "Maurice_W", "447700900123")])
    assert await vault.peers(owner, ACCOUNT).by_username("maurice_w") is not None

    assert (tmp_path / "vasya.db-wal").stat().st_size > 0
    assert found_in(tmp_path) == []

    await db.close()
    assert found_in(tmp_path) == []


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "vasya.db").write_bytes(b"name: Rosalind; id: 7123456789")
    assert found_in(tmp_path) == [("vasya.db", "user id"), ("vasya.db", "first name")]
