"""Identifiers: opaque, random, and never derived from a phone number or a Telegram id."""

from __future__ import annotations

import base64
import re
import secrets
from typing import NewType

AccountId = NewType("AccountId", str)
ActionId = NewType("ActionId", str)
OwnerId = NewType("OwnerId", str)
RequestId = NewType("RequestId", str)
UploadId = NewType("UploadId", str)

# 130 bits: too many to guess, so that an identifier met in a log or a URL opens nothing by itself.
_RANDOM_BITS = 130
_BASE32_CHARACTERS = 26
_ACCOUNT_ID = re.compile(r"acc_[a-z2-7]{26}")


def new_account_id() -> AccountId:
    """Make an account id: `acc_` and 26 base32 characters."""
    return AccountId(f"acc_{_random_base32()}")


def new_action_id() -> ActionId:
    """Make an action id: `act_` and 26 base32 characters."""
    return ActionId(f"act_{_random_base32()}")


def new_owner_id() -> OwnerId:
    """Make an owner id: `own_` and 26 base32 characters, stored in place of who the owner is."""
    return OwnerId(f"own_{_random_base32()}")


def new_upload_id() -> UploadId:
    """Make the id of an upload: `upl_` and 26 base32 characters."""
    return UploadId(f"upl_{_random_base32()}")


def new_request_id() -> RequestId:
    """Make a request id: `req_` and 26 hexadecimal characters; every request has one, so it is cheap."""
    return RequestId(f"req_{secrets.token_hex(13)}")


def is_account_id(text: str) -> bool:
    """Tell whether *text* has the form of an account id, so that no alias can look like one."""
    return _ACCOUNT_ID.fullmatch(text) is not None


def _random_base32() -> str:
    number = secrets.randbits(_RANDOM_BITS) << 6  # 136 bits: whole bytes for the encoder
    return base64.b32encode(number.to_bytes(17, "big")).decode().lower()[:_BASE32_CHARACTERS]
