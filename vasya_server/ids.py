"""Identifiers: opaque, random, and never derived from a phone number or a Telegram id."""

from __future__ import annotations

import os
import random
import re
import secrets
import time
from typing import TYPE_CHECKING, Final, NewType

if TYPE_CHECKING:
    from collections.abc import Sequence

KeyId = NewType("KeyId", str)
AccountId = NewType("AccountId", str)
ActionId = NewType("ActionId", str)
OwnerId = NewType("OwnerId", str)
RequestId = NewType("RequestId", str)
UploadId = NewType("UploadId", str)
WebhookId = NewType("WebhookId", str)
DeliveryId = NewType("DeliveryId", str)

# 130 bits: too many to guess, so that an identifier met in a log or a URL opens nothing by itself.
_CHARACTERS: Final = 26
_DIGEST_BYTES: Final = 17
_BASE32: Final = "abcdefghijklmnopqrstuvwxyz234567"
# Two characters at a time, from ten bits: three times as fast as the standard library.
_PAIRS: Final = tuple(a + b for a in _BASE32 for b in _BASE32)
_PAIR_BITS: Final = 10
_SHIFTS: Final = tuple(range(12 * _PAIR_BITS, -1, -_PAIR_BITS))
_MS_SHIFTS: Final = tuple(range(4 * _PAIR_BITS, -1, -_PAIR_BITS))
_ACTION_CHARACTERS: Final = 16
# Every character stands for as many bytes as every other: five random bits of each byte are taken.
_CHARACTER_OF: Final = _BASE32.encode() * 8
_LETTERS: Final = bytes.maketrans(b"0123456789", b"ghijklmnop")
# Request ids name and open nothing: they need to differ, and a system call for each would be felt.
_numbers: Final = random.Random(secrets.randbits(256))  # noqa: S311 — not secret
_ACCOUNT_ID = re.compile(r"acc_[a-z2-7]{26}")
_WEBHOOK_ID = re.compile(r"whk_[a-z2-7]{26}")


def new_account_id() -> AccountId:
    """Make an account id: `acc_` and 26 base32 characters."""
    return AccountId(f"acc_{_random_base32()}")


def new_action_id() -> ActionId:
    """Make an action id: `act_` and 26 base32 characters, of which the first ten say when it was made.

    So ids that are made about the same time stand beside each other: every change stores one, and a batch of them touches
    one page of an index where random ids would touch one each. The other 80 bits are random, and what an action is
    about is told to its owner alone.
    """
    made_at = _base32(time.time_ns() // 1_000_000, _MS_SHIFTS)
    return ActionId(f"act_{made_at}{_random_base32(_ACTION_CHARACTERS)}")


def new_owner_id() -> OwnerId:
    """Make an owner id: `own_` and 26 base32 characters, stored in place of who the owner is."""
    return OwnerId(f"own_{_random_base32()}")


def new_upload_id() -> UploadId:
    """Make the id of an upload: `upl_` and 26 base32 characters."""
    return UploadId(f"upl_{_random_base32()}")


def upload_id_of(digest: bytes) -> UploadId:
    """Return the id of an upload: `upl_` and 26 base32 characters of a keyed digest of what it is."""
    return UploadId(f"upl_{_base32(int.from_bytes(digest[:_DIGEST_BYTES], 'big'))}")


def new_ticket_id() -> str:
    """Make the id by which logs name a link to a file: `tkt_` and 26 base32 characters."""
    return f"tkt_{_random_base32()}"


def webhook_id_of(action_id: ActionId) -> WebhookId:
    """Return the id of the webhook that an action makes: the same one, however often its request is repeated."""
    return WebhookId(f"whk_{action_id.removeprefix('act_')}")


def delivery_id_of(digest: bytes) -> DeliveryId:
    """Return the id of a delivery: `dlv_` and 26 base32 characters of a keyed digest of what is delivered where."""
    return DeliveryId(f"dlv_{_base32(int.from_bytes(digest[:_DIGEST_BYTES], 'big'))}")


def new_request_id() -> RequestId:
    """Make a request id: `req_` and 26 letters; every request has one, so it is cheap.

    Without digits: in a log, seven of them in a row would be masked as a phone number.
    """
    digits = b"%026x" % _numbers.getrandbits(104)
    return RequestId("req_" + digits.translate(_LETTERS).decode())


def is_account_id(text: str) -> bool:
    """Tell whether *text* has the form of an account id, so that no alias can look like one."""
    return _ACCOUNT_ID.fullmatch(text) is not None


def is_webhook_id(text: str) -> bool:
    """Tell whether *text* has the form of a webhook's id."""
    return _WEBHOOK_ID.fullmatch(text) is not None


def _random_base32(characters: int = _CHARACTERS) -> str:
    return os.urandom(characters).translate(_CHARACTER_OF).decode()


def _base32(number: int, shifts: Sequence[int] = _SHIFTS) -> str:
    """Write the lowest 130 bits of *number*, or those that *shifts* bring down, the highest first."""
    return "".join([_PAIRS[number >> shift & 1023] for shift in shifts])
