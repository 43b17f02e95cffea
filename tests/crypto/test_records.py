from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vasya_server.crypto.envelope import SealBroken
from vasya_server.crypto.master_key import MasterKey
from vasya_server.crypto.records import AccountSeal

# From tests/vectors/derive.json: `peers` and `peer-index` of alice, acc_1.
PLACE = b"\0\0\0\5peers\0\0\0\5alice\0\0\0\5acc_1"


def derived(purpose: bytes) -> bytes:
    extracted = hmac.digest(bytes(32), bytes(range(32)), hashlib.sha256)
    info = b"vasya/v1/" + purpose + b"\0\0\0\0\5alice\0\0\0\5acc_1"
    return hmac.digest(extracted, info + b"\1", hashlib.sha256)


@pytest.fixture
def seal(key: MasterKey) -> AccountSeal:
    return AccountSeal(key, "alice", "acc_1")


def test_a_row_is_aes_gcm_bound_to_account_kind_and_place(seal: AccountSeal) -> None:
    box = seal.seal("peer", b"data", binding=b"place")

    bound = b"\1" + PLACE + b"\0\0\0\4peer\0\0\0\5place"
    assert box[:1] == b"\1"
    assert AESGCM(derived(b"peers")).decrypt(box[1:13], box[13:], bound) == b"data"


def test_a_row_opens_where_it_was_sealed(seal: AccountSeal) -> None:
    box = seal.seal("peer", b"data", binding=b"place")
    assert seal.open("peer", box, binding=b"place") == b"data"


@pytest.mark.parametrize(
    ("owner", "account", "kind", "binding"),
    [
        pytest.param("bob", "acc_1", "peer", b"place", id="another owner"),
        pytest.param("alice", "acc_2", "peer", b"place", id="another account"),
        pytest.param("alicea", "cc_1", "peer", b"place", id="boundary moved"),
        pytest.param("alice", "acc_1", "event", b"place", id="another kind"),
        pytest.param("alice", "acc_1", "peer", b"elsewhere", id="another row"),
        pytest.param("alice", "acc_1", "peerp", b"lace", id="boundary moved inside"),
    ],
)
def test_a_row_opens_nowhere_else(
    key: MasterKey, seal: AccountSeal, owner: str, account: str, kind: str, binding: bytes
) -> None:
    box = seal.seal("peer", b"data", binding=b"place")
    with pytest.raises(SealBroken):
        AccountSeal(key, owner, account).open(kind, box, binding=binding)


def test_a_row_opens_under_no_other_master_key(seal: AccountSeal) -> None:
    other = AccountSeal(MasterKey(bytes(range(1, 33))), "alice", "acc_1")
    with pytest.raises(SealBroken):
        other.open("peer", seal.seal("peer", b"data", binding=b"place"), binding=b"place")


def test_every_flipped_bit_breaks_a_row(seal: AccountSeal) -> None:
    box = seal.seal("peer", b"data", binding=b"place")
    for bit in range(8 * len(box)):
        flipped = bytearray(box)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealBroken):
            seal.open("peer", bytes(flipped), binding=b"place")


def test_every_cut_breaks_a_row(seal: AccountSeal) -> None:
    box = seal.seal("peer", b"data", binding=b"place")
    for length in range(len(box)):
        with pytest.raises(SealBroken):
            seal.open("peer", box[:length], binding=b"place")


def test_a_digest_is_hmac_sha256_cut_to_16_bytes(seal: AccountSeal) -> None:
    expected = hmac.digest(derived(b"peer-index"), b"\0\0\0\x08username\0\0\0\3bob", hashlib.sha256)
    assert seal.digest("username", "bob") == expected[:16]


def test_digests_differ_by_kind_value_and_account(key: MasterKey, seal: AccountSeal) -> None:
    digests = {
        seal.digest("id", 42),
        seal.digest("phone", 42),
        seal.digest("id", 43),
        AccountSeal(key, "alice", "acc_2").digest("id", 42),
    }
    assert len(digests) == 4
