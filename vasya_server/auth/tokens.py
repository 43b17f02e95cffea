"""From a JWT to the principal it stands for, remembered for as long as it is good."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vasya_server.auth.principal import HUMAN_LINEAGE, Principal, PrincipalKind
from vasya_server.errors import InvalidToken

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from vasya_server.auth.denied_tokens import DeniedTokens
    from vasya_server.auth.jwt import Claims, JwtVerifier
    from vasya_server.clock import Clock
    from vasya_server.ids import OwnerId

# About 10 MB. A server whose people have more tokens than this at once verifies some of them again.
MAX_REMEMBERED: Final = 10_000
_LINEAGE_CHARACTERS: Final = 16


@dataclass(frozen=True, slots=True)
class _Remembered:
    principal: Principal
    expires_at: datetime
    issued_at: datetime | None
    denied_as: bytes | None


class Tokens:
    """The one way in for JWTs.

    A token is remembered by its SHA-256: a look-up that took it as it is would compare it character by character.

    Args:
        owner_of: Returns the owner that a subject is, making it at the first call.
        remembers: How many tokens at most; then all are forgotten.
    """

    def __init__(
        self,
        verifier: JwtVerifier,
        denied: DeniedTokens,
        owner_of: Callable[[str], Awaitable[OwnerId]],
        clock: Clock,
        *,
        remembers: int = MAX_REMEMBERED,
    ) -> None:
        self._verifier = verifier
        self._denied = denied
        self._owner_of = owner_of
        self._clock = clock
        self._max = remembers
        self._remembered: dict[bytes, _Remembered] = {}

    def cached(self, token: str) -> Principal | None:
        """Return whom a token stands for that was good before and is good now; None: `authenticate` has to tell."""
        found = self._remembered.get(_digest(token))
        return found.principal if found is not None and self._is_good(found) else None

    async def authenticate(self, token: str) -> Principal:
        """Verify *token* and return whom it stands for; an owner who was never here is made.

        Raises:
            TokenExpired: Its time is over.
            InvalidToken: It is no token of this server, or denied.
            StorageFailed: The owner cannot be read, or made.
        """
        claims = self._verifier.verify(token)
        owner = await self._owner_of(claims.subject)
        found = _Remembered(
            principal=_principal(owner, claims),
            expires_at=claims.expires_at,
            issued_at=claims.issued_at,
            denied_as=None if claims.jti is None else self._denied.digest(owner, claims.jti),
        )
        if not self._is_good(found):
            raise InvalidToken
        if len(self._remembered) >= self._max:
            self._remembered.clear()
        self._remembered[_digest(token)] = found
        return found.principal

    def _is_good(self, found: _Remembered) -> bool:
        if found.expires_at <= self._clock.now():
            return False
        return not self._denied.denies(found.principal.owner, found.denied_as, found.issued_at)


def _principal(owner: OwnerId, claims: Claims) -> Principal:
    return Principal(
        kind=PrincipalKind.JWT,
        owner=owner,
        scopes=claims.scopes,
        is_human=claims.is_human,
        lineage=HUMAN_LINEAGE if claims.is_human else _narrow_lineage(claims),
        expires_at=claims.expires_at,
    )


def _narrow_lineage(claims: Claims) -> str:
    """Return the lineage of a token that is not a human's: what its owner's humans were answered is not for it.

    It follows from the scopes, so that the token that replaces it may repeat what the first one began.
    """
    scopes = " ".join(sorted(claims.scopes)).encode()
    return f"kl_jwt{hashlib.sha256(scopes).hexdigest()[:_LINEAGE_CHARACTERS]}"


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
