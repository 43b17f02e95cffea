from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vasya_server.crypto.derive import Purpose
from vasya_server.crypto.envelope import SealBroken, open_sealed, seal

if TYPE_CHECKING:
    from vasya_server.crypto.master_key import MasterKey

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "envelope.json").read_text("utf-8"))
BOX = bytes.fromhex(VECTORS["seal"]["box"])


def opened(key: MasterKey, box: bytes) -> bytes:
    return open_sealed(key, Purpose.SESSION, "alice", "acc_1", generation=7, box=box)


def opened_case(key: MasterKey, case: dict[str, Any]) -> bytes:
    return open_sealed(
        key,
        Purpose(case["purpose"]),
        case["owner"],
        case["account"],
        generation=case["generation"],
        box=bytes.fromhex(case["box"]),
    )


def test_the_published_box_is_reproduced(key: MasterKey) -> None:
    box = seal(
        key,
        Purpose.SESSION,
        "alice",
        "acc_1",
        generation=7,
        plaintext=b"hello",
        salt=bytes(32),
        nonce=bytes(12),
    )
    assert box.hex() == (
        "5653455301010000068534daee76837b"
        + "00" * 44
        + "8d884de93e4382ed62b86a731137b31e8ef680c4fc"
    )


@pytest.mark.parametrize("case", VECTORS["opens"], ids=lambda case: case["name"])
def test_sound_boxes_open(key: MasterKey, case: dict[str, Any]) -> None:
    assert opened_case(key, case).hex() == case["plaintext"]


@pytest.mark.parametrize("case", VECTORS["broken"], ids=lambda case: case["name"])
def test_broken_boxes_are_refused_for_the_published_reason(
    key: MasterKey, case: dict[str, Any]
) -> None:
    with pytest.raises(SealBroken) as refusal:
        opened_case(key, case)
    assert refusal.value.failure.value == case["failure"]


def test_every_flipped_bit_breaks_the_box(key: MasterKey) -> None:
    for bit in range(8 * len(BOX)):
        flipped = bytearray(BOX)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealBroken):
            opened(key, bytes(flipped))


def test_every_cut_breaks_the_box(key: MasterKey) -> None:
    for length in range(len(BOX)):
        with pytest.raises(SealBroken):
            opened(key, BOX[:length])


def test_the_same_text_never_seals_to_the_same_box(key: MasterKey) -> None:
    first, second = (
        seal(key, Purpose.SESSION, "alice", "acc_1", generation=7, plaintext=b"hello")
        for _ in range(2)
    )

    assert opened(key, first) == opened(key, second) == b"hello"
    assert first[16:48] != second[16:48]
    assert first[48:60] != second[48:60]


def test_a_salt_of_the_wrong_size_is_an_internal_error(key: MasterKey) -> None:
    with pytest.raises(ValueError, match="internal error"):
        seal(key, Purpose.SESSION, generation=1, plaintext=b"", salt=b"short")


def test_the_refusal_does_not_carry_what_was_sealed(key: MasterKey) -> None:
    with pytest.raises(SealBroken) as refusal:
        open_sealed(key, Purpose.SESSION, "bob", "acc_1", generation=7, box=BOX)
    assert str(refusal.value) == "not_authentic"
