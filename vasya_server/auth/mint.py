"""Tokens of JWT mode that the operator makes at the command line; the HTTP API never makes one."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt

from vasya_server.auth.jwt import ALGORITHM, JwtRules, kid_of

_JTI_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Minted:
    """A token, and by which name it can be revoked."""

    token: str
    jti: str
    expires_at: datetime

    def __repr__(self) -> str:
        return "Minted(…)"


def mint(
    rules: JwtRules, subject: str, *, now: datetime, ttl: timedelta, scope: str | None
) -> Minted:
    """Sign a token for *subject* with the current secret.

    Args:
        ttl: Whole seconds.
        scope: Its `scope` claim; None: it has none, and opens everything.
    """
    # With a fraction: otherwise a token that is made just after all were revoked would count among those.
    issued_at = round(now.timestamp(), 3)
    expires_at = int(issued_at) + int(ttl.total_seconds())
    jti = secrets.token_hex(_JTI_BYTES)
    claims: dict[str, Any] = {"sub": subject, "iat": issued_at, "exp": expires_at, "jti": jti}
    optional = {"iss": rules.issuer, "aud": rules.audience, "scope": scope}
    claims |= {name: value for name, value in optional.items() if value is not None}
    secret = rules.secrets[0]
    token = jwt.encode(claims, secret, ALGORITHM, headers={"kid": kid_of(secret)})
    return Minted(token=token, jti=jti, expires_at=datetime.fromtimestamp(expires_at, UTC))
