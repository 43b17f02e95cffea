"""Revoking JWTs."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from vasya_server.model.base import Input


class TokenRevocation(Input, frozen=True, kw_only=True):
    """Which of the caller's own JWTs are taken no more: exactly one of the two fields."""

    jti: (
        Annotated[
            str,
            Meta(
                pattern=r"^[!-~]{1,255}\Z", description="The token's `jti` claim: that one alone."
            ),
        ]
        | None
    ) = None
    all_issued_before: (
        Annotated[
            str,
            Meta(
                max_length=64,
                description="Every token issued before this moment: RFC 3339, or a duration back from now (`0s` is now).",
            ),
        ]
        | None
    ) = None
