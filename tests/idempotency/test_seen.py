from __future__ import annotations

import hashlib

from vasya_server.idempotency.seen import SeenKeys


def digest(n: int) -> bytes:
    return hashlib.sha256(str(n).encode()).digest()[:16]


def test_what_was_added_is_always_found() -> None:
    seen = SeenKeys()
    for n in range(5000):
        seen.add(digest(n))

    assert all(seen.may_hold(digest(n)) for n in range(5000))


def test_what_was_not_added_is_hardly_ever_found() -> None:
    seen = SeenKeys()
    for n in range(20_000):
        seen.add(digest(n))

    assert sum(seen.may_hold(digest(n)) for n in range(20_000, 40_000)) <= 1


def test_nothing_is_found_in_an_empty_one() -> None:
    assert not SeenKeys().may_hold(digest(0))
