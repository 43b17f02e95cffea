"""The one token of embedded mode: whoever can read it is the owner (D-3.2)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

_PREFIX: Final = "vl_"
_RANDOM_BYTES: Final = 32


class EmbeddedToken:
    """Verifies presented tokens against one that it does not keep.

    Args:
        token: Made by `make`, or a setting, which has seen to its strength.
    """

    def __init__(self, token: str) -> None:
        self._digest = _digest(token)

    @staticmethod
    def make() -> str:
        """Make a token: `vl_` and 64 hexadecimal characters, 256 random bits."""
        return _PREFIX + secrets.token_hex(_RANDOM_BYTES)

    def verify(self, presented: str) -> bool:
        """Tell whether *presented* is the token, in a time that does not depend on how much of it is right."""
        return hmac.compare_digest(_digest(presented), self._digest)


def _digest(token: str) -> bytes:
    # Equal lengths for compare_digest, whatever is presented; a header may hold what is not UTF-8.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
