"""The one way a request is refused."""

from __future__ import annotations


class RpcError(Exception):
    """Refuse a request with Telegram's own code and text.

    Source: https://core.telegram.org/api/errors
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
