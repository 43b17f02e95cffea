"""`vasya-server token`: make and revoke the JWTs of JWT mode.

Revoking is one request to the API, as every command's, in the name of the owner whose token it is: whoever has the secret
may speak for each of them, whoever has a token for its own.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.cli.api_client import open_api
from vasya_server.cli.standard_files import answer, say
from vasya_server.errors import ConfigurationInvalid, VasyaError
from vasya_server.settings import load
from vasya_server.settings.files import read_small

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from vasya_server.auth.jwt import Claims, JwtRules
    from vasya_server.settings import Settings

# Long enough for one request.
_OWN_TTL: Final = timedelta(seconds=60)
_MAX_FILE_BYTES: Final = 8192
_EX_USAGE: Final = 2


class TokenMisused(VasyaError):
    """What was asked for makes no token, or names none."""

    code = "token_misused"
    detail = "There is no such token."
    exit_code = _EX_USAGE


class Made(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A new token, for programs."""

    token: str
    owner: str
    jti: str
    expires_at: str
    scope: str | None = None


def run(flags: dict[str, str | None], arguments: argparse.Namespace) -> int:
    """Do what was asked with tokens; return the exit code."""
    # A copy: a later command of the same process still finds the secrets.
    settings = load(dict(os.environ), flags)
    if arguments.action == "create":
        return _create(settings, arguments)
    return asyncio.run(_revoke(settings, flags, arguments))


def _create(settings: Settings, arguments: argparse.Namespace) -> int:
    rules, scope = _rules(settings), _scope(arguments.scope)
    made = _mint(rules, arguments.owner, arguments.ttl, scope)
    if arguments.qr:
        import segno

        segno.make(made.token, error="l").terminal(out=sys.stderr, compact=True)
    if arguments.json:
        answer(msgspec.json.encode(made).decode())
        return 0
    say(
        f"A token for {made.owner}, good until {made.expires_at}. It is not shown again; its jti is {made.jti}."
    )
    answer(made.token)
    return 0


async def _revoke(
    settings: Settings, flags: dict[str, str | None], arguments: argparse.Namespace
) -> int:
    owner, jti = arguments.owner, arguments.jti
    if arguments.token_file is not None:
        claims = _verified(_rules(settings), arguments.token_file)
        if owner not in {None, claims.subject}:
            raise TokenMisused("The token in the file is another owner's.")
        owner, jti = claims.subject, claims.jti
    if owner is None and not os.environ.get("VASYA_TOKEN"):
        raise TokenMisused(
            "Nobody is named whose token it is.",
            remedy="Add --owner, or put a token of the owner into VASYA_TOKEN.",
        )
    token = None if owner is None else _mint(_rules(settings), owner, _OWN_TTL, None).token
    async with open_api(flags, token) as api:
        body = {"allIssuedBefore": "0s"} if arguments.all else {"jti": jti}
        await api.post("/tokens/revoke", body, type(None))
    say(
        "No token that says it was issued until now is taken any more."
        if arguments.all
        else "It is taken no more."
    )
    return 0


def _rules(settings: Settings) -> JwtRules:
    from vasya_server.auth.jwt import JwtRules

    if settings.auth_mode != "jwt":
        raise ConfigurationInvalid(
            "There are JWTs in JWT mode only.", remedy="Set AUTH_MODE=jwt and JWT_SECRET."
        )
    return JwtRules.of(settings)


def _mint(rules: JwtRules, owner: str, ttl: timedelta, scope: str | None) -> Made:
    from vasya_server.auth.jwt import is_subject
    from vasya_server.auth.mint import mint
    from vasya_server.clock import SystemClock

    if not is_subject(owner):
        raise TokenMisused(
            "An owner's name begins with a letter or digit, has at most 128 letters, digits and ._:@|- "
            "and is none of local, system, anonymous, root."
        )
    if rules.max_lifetime is not None and ttl > rules.max_lifetime:
        raise TokenMisused(
            "That is longer than JWT_MAX_LIFETIME_SECS, so no server would take the token."
        )
    made = mint(rules, owner, now=SystemClock().now(), ttl=ttl, scope=scope)
    expires_at = made.expires_at.isoformat().replace("+00:00", "Z")
    return Made(token=made.token, owner=owner, jti=made.jti, expires_at=expires_at, scope=scope)


def _scope(given: Sequence[str] | None) -> str | None:
    """Return the claim; a word that no server knows would silently open less than was meant."""
    from vasya_server.auth.jwt import HUMAN
    from vasya_server.auth.scopes import Scope

    if given is None:
        return None
    words = " ".join(given).replace(",", " ").split()
    if unknown := sorted(set(words) - {HUMAN, *Scope}):
        raise TokenMisused(
            f"There is no scope {', '.join(unknown)}.",
            remedy=f"Known are {', '.join(sorted(Scope))} and {HUMAN}.",
        )
    return " ".join(dict.fromkeys(words))


def _verified(rules: JwtRules, path: str) -> Claims:
    """Return what the token in a file proves, and see that it has a name to be revoked by."""
    from vasya_server.auth.jwt import JwtVerifier
    from vasya_server.clock import SystemClock

    try:
        raw = (
            sys.stdin.buffer.read(_MAX_FILE_BYTES)
            if path == "-"
            else read_small(Path(path), _MAX_FILE_BYTES)
        )
    except OSError as error:
        raise TokenMisused(f"The token's file cannot be read: {error.strerror}.") from error
    claims = JwtVerifier(rules, SystemClock()).verify(raw.decode("ascii", "replace").strip())
    if claims.jti is None:
        raise TokenMisused(
            "The token has no jti, so it cannot be revoked alone.",
            remedy="Revoke all that its owner has, with --owner and --all.",
        )
    return claims
