"""Signatures of webhooks: Standard Webhooks, version 1, symmetric (D-10.1).

Source: https://www.standardwebhooks.com
"""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_SECRET_BYTES: Final = 32
_PREFIX: Final = "whsec_"


def new_secret() -> bytes:
    """Make the secret of one webhook."""
    return secrets.token_bytes(_SECRET_BYTES)


def written(secret: bytes) -> str:
    """Return a secret as its owner is given it."""
    return _PREFIX + base64.b64encode(secret).decode()


def signed_headers(
    keys: Iterable[bytes], message_id: str, at_secs: int, body: bytes
) -> dict[str, str]:
    """Return the headers that prove *body* to whoever has one of the secrets.

    Args:
        message_id: The same for every attempt; without a full stop, which parts what is signed.
        at_secs: When this attempt is made, in seconds since the epoch.
    """
    content = f"{message_id}.{at_secs}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(key, content, "sha256")).decode() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_secs),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
