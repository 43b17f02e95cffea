from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vasya_server.crypto.master_key import MasterKey
from vasya_server.idempotency.fingerprint import KeyInvalid, fingerprint, parse_idempotency_key

VECTORS = Path(__file__).parents[1] / "vectors"
KEYS = json.loads((VECTORS / "idempotency_key.json").read_text("utf-8"))
FINGERPRINTS = json.loads((VECTORS / "fingerprint.json").read_text("utf-8"))
KEY = MasterKey(bytes.fromhex(FINGERPRINTS["key"]))


@pytest.mark.parametrize("case", KEYS["accepted"], ids=lambda case: case["name"])
def test_a_key_is_read_quoted_or_bare(case: dict[str, Any]) -> None:
    assert parse_idempotency_key(case["lines"]) == case["key"]


@pytest.mark.parametrize("case", KEYS["refused"], ids=lambda case: case["name"])
def test_what_is_no_key_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(KeyInvalid):
        parse_idempotency_key(case["lines"])


def print_of(case: dict[str, Any]) -> bytes:
    return fingerprint(
        KEY, case["method"], case["route"], case["path"], case["query"], case["body"].encode()
    )


@pytest.mark.parametrize("case", FINGERPRINTS["cases"], ids=lambda case: case["fingerprint"][:8])
def test_fingerprints_are_the_published_ones(case: dict[str, Any]) -> None:
    assert print_of(case).hex() == case["fingerprint"]


def test_no_two_published_requests_say_the_same() -> None:
    assert len({print_of(case) for case in FINGERPRINTS["cases"]}) == len(FINGERPRINTS["cases"])


def test_the_order_of_parameters_says_nothing() -> None:
    first = fingerprint(KEY, "POST", "/r", {"a": "1", "b": "2"}, {"c": "3", "d": "4"}, b"")
    second = fingerprint(KEY, "POST", "/r", {"b": "2", "a": "1"}, {"d": "4", "c": "3"}, b"")
    assert first == second


def test_parameters_cannot_pass_for_one_another() -> None:
    prints = {
        fingerprint(KEY, "POST", "/r", {"a": "1"}, {}, b""),
        fingerprint(KEY, "POST", "/r", {}, {"a": "1"}, b""),
        fingerprint(KEY, "POST", "/r", {"a1": ""}, {}, b""),
        fingerprint(KEY, "POST", "/r", {}, {}, b"a1"),
        fingerprint(KEY, "POST", "/ra", {"1": ""}, {}, b""),
    }
    assert len(prints) == 5


def test_without_the_master_key_a_text_cannot_be_guessed() -> None:
    other = MasterKey(bytes(range(1, 33)))
    assert fingerprint(KEY, "POST", "/r", {}, {}, b"yes") != fingerprint(
        other, "POST", "/r", {}, {}, b"yes"
    )
