"""Which idempotency keys were surely never used, so that a new key costs no look at the database.

A Bloom filter: what was added is always found, what was not is found once in a while, and then the database is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

# 1 MiB: with a hundred thousand keys one new key in a hundred thousand is looked up in vain, with a million one in fifty.
_BITS: Final = 2**23
_PROBES: Final = 4
_PROBE_BYTES: Final = 4
_CROWDED_AT: Final = 1_000_000


class SeenKeys:
    """Digests of keys, of 16 bytes or more and already random, so that their own bytes say where to look."""

    def __init__(self) -> None:
        self._bits = bytearray(_BITS // 8)
        self._count = 0

    @property
    def is_crowded(self) -> bool:
        """Tell whether it says yes so often that it should be made anew."""
        return self._count >= _CROWDED_AT

    def add(self, digest: bytes) -> None:
        """Note that the key was used."""
        self._count += 1
        for bit in _probes(digest):
            self._bits[bit >> 3] |= 1 << (bit & 7)

    def may_hold(self, digest: bytes) -> bool:
        """Tell whether the key may have been used; False is certain."""
        return all(self._bits[bit >> 3] & 1 << (bit & 7) for bit in _probes(digest))


def _probes(digest: bytes) -> Iterator[int]:
    for at in range(0, _PROBES * _PROBE_BYTES, _PROBE_BYTES):
        yield int.from_bytes(digest[at : at + _PROBE_BYTES], "big") % _BITS
