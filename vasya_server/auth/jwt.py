"""JWTs: people whom somebody else has logged in, and whom this server only recognises (D-2.1 to D-2.9).

Nothing here waits, looks anything up, or follows what a token says about keys. The library verifies the signature and
the forms of the registered claims; what it lets through, or cannot know, is refused before and after it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import jwt
import msgspec
from msgspec import UNSET, Meta, UnsetType

from vasya_server.auth.scopes import Scope
from vasya_server.errors import InvalidToken, TokenExpired

if TYPE_CHECKING:
    from vasya_server.clock import Clock
    from vasya_server.settings import Settings

ALGORITHM: Final = "HS256"
HUMAN: Final = "human"
MAX_TOKEN_BYTES: Final = 4096
MAX_JTI_CHARACTERS: Final = 255
# Two machines' clocks differ; what is told here is issued by another one.
LEEWAY: Final = timedelta(seconds=30)

# The signature's 32 bytes are 43 characters, of which the last holds two bits that must be zero. PyJWT looks at neither
# these nor a `=` behind them, and then one token has many spellings.
_FORM: Final = re.compile(
    r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", re.ASCII
)
_SUBJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@|-]{0,127}", re.ASCII)
# `local` would be the owner of the embedded mode; the others are read as somebody of this server in a log.
_RESERVED: Final = frozenset({"local", "system", "anonymous", "root"})
_TYPES: Final = frozenset({"jwt", "at+jwt"})
# The last whole second that a datetime can hold.
_END_OF_TIME: Final = 253_402_300_799
_KID_LABEL: Final = b"vasya-jwt-kid"
_KID_CHARACTERS: Final = 8

_Seconds = Annotated[float, Meta(ge=0, lt=_END_OF_TIME)]


class _Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that a header may hold: a `jku`, `x5u` or `jwk` names a key of the caller's choosing, `crit` another format."""

    alg: str
    typ: str | UnsetType = UNSET
    kid: str | UnsetType = UNSET


class _Payload(msgspec.Struct, frozen=True, kw_only=True):
    """The claims that are read; any other is none of our business."""

    sub: str
    exp: _Seconds
    iat: _Seconds | UnsetType = UNSET
    nbf: _Seconds | UnsetType = UNSET
    jti: Annotated[str, Meta(pattern=rf"^[!-~]{{1,{MAX_JTI_CHARACTERS}}}\Z")] | UnsetType = UNSET
    aud: str | UnsetType = UNSET
    scope: str | UnsetType = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtRules:
    """What a token of this server looks like.

    Args:
        secrets: The current one, and the one before it while tokens signed with that are still around.
        issuer: Required as `iss`; None: not looked at.
        audience: Required as `aud`; None: a token that names an audience is meant for somebody else.
        max_lifetime: From `iat`, which is required then, to `exp`; None: any.
    """

    secrets: tuple[bytes, ...]
    issuer: str | None = None
    audience: str | None = None
    max_lifetime: timedelta | None = None

    @staticmethod
    def of(settings: Settings) -> JwtRules:
        """Take the rules from the settings of JWT mode, which are checked when they are read."""
        given = (settings.jwt_secret, settings.jwt_secret_previous)
        lifetime_secs = settings.jwt_max_lifetime_secs
        return JwtRules(
            secrets=tuple(secret.reveal().encode() for secret in given if secret),
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            max_lifetime=None if lifetime_secs is None else timedelta(seconds=lifetime_secs),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a token proved.

    Args:
        subject: Who it is, in the words of whoever issued it.
        scopes: All, where it has no `scope` claim; only known ones otherwise.
        is_human: It has no `scope` claim, or one that names `human`.
        expires_at: From then on it is refused, to the second.
        jti: Its own name; without one it can be revoked only with all others of its owner.
    """

    subject: str
    scopes: frozenset[Scope]
    is_human: bool
    expires_at: datetime
    issued_at: datetime | None
    jti: str | None


class JwtVerifier:
    """Tells a genuine token of now from everything else."""

    def __init__(self, rules: JwtRules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock
        self._by_kid = {kid_of(secret): secret for secret in rules.secrets}

    def verify(self, token: str) -> Claims:
        """Return what *token* proves.

        Raises:
            TokenExpired: It was good in every other way, and its time is over.
            InvalidToken: It is anything else.
        """
        payload = self._payload(token, self._candidates(_read_header(token)))
        now = self._clock.now()
        expires_at, issued_at = _time(payload.exp), _optional_time(payload.iat)
        if not is_subject(payload.sub):
            raise InvalidToken
        for begins_at in (issued_at, _optional_time(payload.nbf)):
            if begins_at is not None and begins_at > now + LEEWAY:
                raise InvalidToken
        limit = self._rules.max_lifetime
        if limit is not None and (issued_at is None or expires_at - issued_at > limit):
            raise InvalidToken
        if expires_at <= now:
            raise TokenExpired
        scopes, is_human = _granted(payload.scope)
        return Claims(
            subject=payload.sub,
            scopes=scopes,
            is_human=is_human,
            expires_at=expires_at,
            issued_at=issued_at,
            jti=None if payload.jti is UNSET else payload.jti,
        )

    def _candidates(self, header: _Header) -> tuple[bytes, ...]:
        """Return the secrets to try: the one that `kid` names, or both (D-2.4)."""
        if header.kid is UNSET:
            return self._rules.secrets
        if (named := self._by_kid.get(header.kid)) is None:
            raise InvalidToken
        return (named,)

    def _payload(self, token: str, secrets: tuple[bytes, ...]) -> _Payload:
        for secret in secrets:
            try:
                return self._decode(token, secret)
            except jwt.InvalidSignatureError:
                continue
            except (jwt.PyJWTError, msgspec.ValidationError, RecursionError) as error:
                raise InvalidToken from error
        raise InvalidToken

    def _decode(self, token: str, secret: bytes) -> _Payload:
        claims: dict[str, Any] = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            audience=self._rules.audience,
            issuer=self._rules.issuer,
            options={
                "require": ["exp", "sub"],
                "verify_signature": True,
                "strict_aud": self._rules.audience is not None,
                "enforce_minimum_key_length": True,
                # Times are compared with our clock, and again at every use of a token that is remembered.
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
        payload = msgspec.convert(claims, _Payload)
        # PyJWT takes an empty `aud` for none.
        if self._rules.audience is None and payload.aud is not UNSET:
            raise InvalidToken
        return payload


def kid_of(secret: bytes) -> str:
    """Return the name of a secret: it finds the right one and tells nothing about it."""
    return hashlib.sha256(_KID_LABEL + secret).hexdigest()[:_KID_CHARACTERS]


def is_subject(subject: str) -> bool:
    """Tell whether *subject* may be an owner: compared byte for byte, so ASCII only, and nobody of this server (D-2.6)."""
    return _SUBJECT.fullmatch(subject) is not None and subject not in _RESERVED


def _read_header(token: str) -> _Header:
    """Look at the outside of a token before anything is computed of it (D-2.2)."""
    if len(token) > MAX_TOKEN_BYTES or _FORM.fullmatch(token) is None:
        raise InvalidToken
    part = token.partition(".")[0]
    try:
        header = msgspec.json.decode(base64.urlsafe_b64decode(_padded(part)), type=_Header)
    except (ValueError, RecursionError) as error:
        raise InvalidToken from error
    if header.typ is not UNSET and header.typ.lower() not in _TYPES:
        raise InvalidToken
    return header


def _padded(part: str) -> str:
    return part + "=" * (-len(part) % 4)


def _granted(scope: str | UnsetType) -> tuple[frozenset[Scope], bool]:
    """Return the scopes that the claim leaves, and whether the token stays a human's; an unknown word opens nothing."""
    if scope is UNSET:
        return frozenset(Scope), True
    words = set(scope.split(" "))
    return frozenset(each for each in Scope if each in words), HUMAN in words


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _optional_time(seconds: float | UnsetType) -> datetime | None:
    return None if seconds is UNSET else _time(seconds)
