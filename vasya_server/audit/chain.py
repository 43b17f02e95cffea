"""What a line looks like: canonical JSON in ASCII, chained to the line before it, under a MAC (D-7.1, D-7.2).

```
prev = SHA-256 of the previous line's bytes, without its newline; 64 zeros in the first line
mac  = HMAC-SHA256, under a key that only the master key gives, of the line as it is without its mac
```
The hash chain alone could be computed anew by whoever can write the file; the MAC cannot. Fields stand here in the order
in which they are written, which is the order of the alphabet: the encoder keeps it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from datetime import datetime

    from vasya_server.audit.entry import Entry
    from vasya_server.crypto.derive import KeyedDigest

MAX_LINE_BYTES: Final = 8192
FORMAT_VERSION: Final = 1
NO_LINE_HASH: Final = bytes(32)


class LineActor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who acted: kind of credential, owner, agent key and its lineage."""

    key: str | None = None
    lin: str | None = None
    owner: str | None = None
    t: str


class LineResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of it."""

    code: str | None = None
    ids: tuple[int, ...] = ()
    status: str


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line.

    Args:
        ip: The network address, as a pseudonym.
        n: For how many like it the line stands; absent is one.
        op: The action id.
        oseq: Its number among the lines of its owner, without a gap from 1.
        seq: Its number in the whole log, without a gap from 1.
        tgt: The chat, as a pseudonym.
        ts: RFC 3339 in UTC, with microseconds.
        what: The operation that was refused.
    """

    acc: str | None = None
    act: str
    actor: LineActor
    boot: str
    fp: str | None = None
    idem: str | None = None
    ip: str | None = None
    kind: str
    mac: str | None = None
    n: int | None = None
    op: str | None = None
    oseq: int | None = None
    prev: str
    res: LineResult | None = None
    rid: str | None = None
    seq: int
    tgt: str | None = None
    ts: str
    v: int
    what: str | None = None


# The MAC stands behind the kind, where the alphabet wants it; no other field can hold a quotation mark.
_KIND: Final = b'"kind":"%s",'
_MAC: Final = b'"mac":"%s",'

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Line).decode


def read_line(raw: bytes) -> Line:
    """Read a line; whether it is genuine is not asked here.

    Raises:
        msgspec.MsgspecError: It is no line.
    """
    return _decode(raw)


def stamp_of(at: datetime) -> str:
    """Return *at*, which is in UTC, as lines write it: RFC 3339 with microseconds."""
    return at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def hash_of(raw: bytes) -> bytes:
    """Return what the next line says of the line *raw*."""
    return hashlib.sha256(raw).digest()


def write_line(
    entry: Entry,
    *,
    mac: KeyedDigest,
    boot: str,
    stamp: str,
    seq: int,
    own_seq: int | None,
    prev: bytes,
) -> bytes:
    """Return the whole line of *entry*, without a newline.

    Args:
        stamp: The time, as `stamp_of` writes it.
    """
    actor, result = entry.actor, entry.result
    line = Line(
        acc=entry.account_id,
        act=entry.action,
        actor=LineActor(key=actor.key, lin=actor.lineage, owner=actor.owner, t=actor.type),
        boot=boot,
        fp=entry.fingerprint,
        idem=entry.idempotency,
        ip=entry.address,
        kind=entry.kind,
        n=entry.count,
        op=entry.action_id,
        oseq=own_seq,
        prev=prev.hex(),
        res=LineResult(code=result.code, ids=result.ids, status=result.status) if result else None,
        rid=entry.request_id,
        seq=seq,
        tgt=entry.target,
        ts=stamp,
        v=FORMAT_VERSION,
        what=entry.operation,
    )
    unsigned = _encode(line)
    before, kind, after = unsigned.partition(_KIND % entry.kind.encode())
    raw = b"".join((before, kind, _MAC % mac(unsigned).hex().encode(), after))
    if len(raw) >= MAX_LINE_BYTES or not raw.isascii():
        raise ValueError("internal error: an audit line is ASCII and shorter than 8 KiB")
    return raw
