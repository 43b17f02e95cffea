from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest

from vasya_server.crypto.derive import Purpose, derive, length_prefixed

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "derive.json").read_text("utf-8"))
ROOT = bytes.fromhex(VECTORS["key"])


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["derived"][:8])
def test_derived_keys_are_the_published_ones(case: dict[str, str]) -> None:
    derived = derive(
        ROOT,
        Purpose(case["purpose"]),
        *case["context"],
        salt=bytes.fromhex(case["salt"]),
        length=int(case["length"]),
    )
    assert derived.hex() == case["derived"]


def test_derivation_is_hkdf_sha256_under_the_tree_label() -> None:
    extracted = hmac.digest(b"salt", ROOT, hashlib.sha256)
    info = b"vasya/v1/session\0" + b"\0\0\0\5alice" + b"\0\0\0\5acc_1"
    expanded = hmac.digest(extracted, info + b"\1", hashlib.sha256)

    assert derive(ROOT, Purpose.SESSION, "alice", "acc_1", salt=b"salt") == expanded


def test_no_two_purposes_share_a_key() -> None:
    assert len({derive(ROOT, purpose) for purpose in Purpose}) == len(Purpose)


def test_names_of_purposes_are_part_of_the_stored_format() -> None:
    assert [purpose.value for purpose in Purpose] == [
        "kid",
        "key-check",
        "session",
        "profile",
        "settings",
        "peers",
        "peer-index",
        "owner-index",
        "user-index",
        "cursor",
        "cursor-salt",
        "idem-fp",
        "idem-body",
        "idem-index",
        "random-id",
        "audit-mac",
        "logpseudo",
        "agent-key",
        "rowmac",
        "token-index",
        "token-mac",
        "limit-index",
        "events",
        "webhook",
        "webhook-index",
    ]


def test_a_boundary_cannot_move_between_parts() -> None:
    assert length_prefixed("ab", "c") != length_prefixed("a", "bc")
    assert length_prefixed("ab", "c") == b"\0\0\0\2ab\0\0\0\1c"


def test_no_part_is_not_an_empty_part() -> None:
    assert length_prefixed() == b""
    assert length_prefixed("") == b"\0\0\0\0"
