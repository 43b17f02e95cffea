from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from vasya_server.crypto.master_key import MasterKey
from vasya_server.idempotency.random_id import random_id, to_random_id

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "random_id.json").read_text("utf-8"))
KEY = MasterKey(bytes.fromhex(VECTORS["key"]))


def id_of(case: dict[str, Any]) -> int:
    return random_id(
        KEY,
        owner=case["owner"],
        account=case["account"],
        lineage=case["lineage"],
        idempotency_key=case["idempotency_key"],
        fingerprint=bytes.fromhex(case["fingerprint"]),
        peer=case["peer"],
        part=case["part"],
    )


def test_the_published_random_id_is_reproduced() -> None:
    assert (
        random_id(
            KEY,
            owner="alice",
            account="acc_1",
            lineage="kl_1",
            idempotency_key="8e03978e-40d5-43e8-bc93-6894a57f9324",
            fingerprint=hashlib.sha256(b"x").digest(),
            peer="user:42",
            part=0,
        )
        == 4348781974968990102
    )


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: str(case["random_id"]))
def test_random_ids_are_the_published_ones(case: dict[str, Any]) -> None:
    assert id_of(case) == case["random_id"]


def test_whatever_differs_makes_another_message() -> None:
    assert len({id_of(case) for case in VECTORS["cases"]}) == len(VECTORS["cases"]) == 9


def test_a_random_id_is_hmac_sha256_under_the_accounts_key() -> None:
    extracted = hmac.digest(bytes(32), bytes(range(32)), hashlib.sha256)
    info = b"vasya/v1/random-id\0" + b"\0\0\0\3own" + b"\0\0\0\3acc"
    key = hmac.digest(extracted, info + b"\1", hashlib.sha256)
    said = b"\0\0\0\4user" + b"\0\0\0\1k" + b"\0\0\0\2fp" + b"\0\0\0\6chat:7" + b"\0\0\0\2"
    expected = int.from_bytes(hmac.digest(key, said, hashlib.sha256)[:8], "big", signed=True)

    made = random_id(
        KEY,
        owner="own",
        account="acc",
        lineage="user",
        idempotency_key="k",
        fingerprint=b"fp",
        peer="chat:7",
        part=2,
    )

    assert made == expected


@pytest.mark.parametrize(
    ("digest", "expected"),
    [
        pytest.param(b"\0" * 32, 1, id="zero, which Telegram refuses"),
        pytest.param(b"\0" * 8 + b"\xff" * 24, 1, id="zero in the part that counts"),
        pytest.param(b"\x7f" + b"\xff" * 31, 2**63 - 1, id="largest"),
        pytest.param(b"\x80" + b"\0" * 31, -(2**63), id="smallest"),
        pytest.param(b"\xff" * 32, -1, id="minus one"),
    ],
)
def test_a_digest_is_read_as_a_signed_number_that_is_never_zero(
    digest: bytes, expected: int
) -> None:
    assert to_random_id(digest) == expected
