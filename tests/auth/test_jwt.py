"""JWTs: fixed tokens, made with hmac and base64, and what the checks do with anything at all."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vasya_server.auth.jwt import Claims, JwtRules, JwtVerifier, is_subject, kid_of
from vasya_server.auth.mint import mint
from vasya_server.auth.scopes import Scope
from vasya_server.clock import SystemClock
from vasya_server.errors import InvalidToken, TokenExpired, Unauthenticated
from vasya_server.settings import load

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "jwt.json").read_text("utf-8"))
NOW = datetime.fromtimestamp(VECTORS["now"], UTC)
SECRETS = (VECTORS["secret"].encode(), VECTORS["previous"].encode())
GOOD = [case for case in VECTORS["cases"] if "claims" in case]
BAD = [case for case in VECTORS["cases"] if "failure" in case]
FAILURES = {"invalid_token": InvalidToken, "token_expired": TokenExpired}


class StandingClock(SystemClock):
    def now(self) -> datetime:
        return NOW


def rules_of(case: dict[str, Any]) -> JwtRules:
    given = case.get("rules", {})
    limit = given.get("maxLifetimeSecs")
    return JwtRules(
        secrets=SECRETS,
        issuer=given.get("issuer"),
        audience=given.get("audience"),
        max_lifetime=None if limit is None else timedelta(seconds=limit),
    )


def verifier(rules: JwtRules | None = None) -> JwtVerifier:
    return JwtVerifier(rules or JwtRules(secrets=SECRETS), StandingClock())


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def signed(header: object, payload: object) -> str:
    text = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(payload).encode())}"
    return f"{text}.{encoded(hmac.digest(SECRETS[0], text.encode(), 'sha256'))}"


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case["name"])
def test_a_good_token_proves_its_claims(case: dict[str, Any]) -> None:
    told = case["claims"]
    issued_at = told["issuedAt"]

    assert verifier(rules_of(case)).verify(case["token"]) == Claims(
        subject=told["subject"],
        scopes=frozenset(Scope) if told["scopes"] == "*" else frozenset(told["scopes"]),
        is_human=told["isHuman"],
        expires_at=datetime.fromtimestamp(told["expiresAt"], UTC),
        issued_at=None if issued_at is None else datetime.fromtimestamp(issued_at, UTC),
        jti=told["jti"],
    )


@pytest.mark.parametrize("case", BAD, ids=lambda case: case["name"])
def test_a_bad_token_is_refused_for_what_it_is(case: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated) as refused:
        verifier(rules_of(case)).verify(case["token"])

    assert type(refused.value) is FAILURES[case["failure"]]


def test_the_rules_are_those_of_the_settings() -> None:
    mode = {"AUTH_MODE": "jwt", "JWT_SECRET": VECTORS["secret"]}
    every = {
        "JWT_SECRET_PREVIOUS": VECTORS["previous"],
        "JWT_ISSUER": "https://login.example",
        "JWT_AUDIENCE": "vasya-server",
        "JWT_MAX_LIFETIME_SECS": "3600",
    }

    assert JwtRules.of(load(dict(mode))) == JwtRules(secrets=SECRETS[:1])
    assert JwtRules.of(load(mode | every)) == JwtRules(
        secrets=SECRETS,
        issuer="https://login.example",
        audience="vasya-server",
        max_lifetime=timedelta(hours=1),
    )


def test_a_secret_is_called_by_the_published_name() -> None:
    assert kid_of(SECRETS[0]) == VECTORS["kid"]


def test_the_secret_before_is_forgotten_with_its_setting() -> None:
    (token,) = (each["token"] for each in GOOD if each["name"] == "previous secret without a name")

    with pytest.raises(InvalidToken):
        verifier(JwtRules(secrets=SECRETS[:1])).verify(token)


@given(st.text(max_size=200))
def test_any_text_is_refused_and_breaks_nothing(text: str) -> None:
    with pytest.raises(InvalidToken):
        verifier().verify(text)


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(min_size=30, max_size=34))
def test_any_three_parts_are_refused_and_break_nothing(
    header: bytes, payload: bytes, mac: bytes
) -> None:
    with pytest.raises(InvalidToken):
        verifier().verify(".".join(map(encoded, (header, payload, mac))))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
NAMES = st.sampled_from(["sub", "exp", "iat", "nbf", "jti", "aud", "iss", "scope", "other"])
HEADER_NAMES = st.sampled_from(["alg", "typ", "kid", "jku", "jwk", "crit", "b64", "x5c"])
BASE = {"sub": "alice", "exp": VECTORS["now"] + 60}


@given(st.dictionaries(NAMES, VALUES))
def test_whatever_a_signed_token_claims_it_is_understood_or_refused(claims: dict[str, Any]) -> None:
    token = signed({"alg": "HS256"}, BASE | claims)

    try:
        found = verifier().verify(token)
    except Unauthenticated:
        return
    assert is_subject(found.subject)
    assert found.expires_at > NOW
    assert "aud" not in claims
    assert ("scope" in claims) or (found.is_human and found.scopes == frozenset(Scope))


@given(st.dictionaries(HEADER_NAMES, VALUES, min_size=1))
def test_a_header_opens_nothing_that_it_does_not_name(header: dict[str, Any]) -> None:
    token = signed({"alg": "HS256"} | header, BASE)

    try:
        verifier().verify(token)
    except InvalidToken:
        return
    assert set(header) <= {"alg", "typ"}
    assert header.get("alg", "HS256") == "HS256"


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=63))
def test_a_token_with_one_other_character_is_refused(at: int, shift: int) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = GOOD[0]["token"]
    at %= len(token)
    other = alphabet[shift]

    if other != token[at]:
        with pytest.raises(InvalidToken):
            verifier().verify(token[:at] + other + token[at + 1 :])


@given(st.lists(st.sampled_from([*Scope, "human", "admin", "*", "chats", "", "messages:READ"])))
def test_a_scope_claim_opens_the_known_words_in_it_and_no_other(words: list[str]) -> None:
    token = signed({"alg": "HS256"}, BASE | {"scope": " ".join(words)})
    found = verifier().verify(token)

    assert found.scopes == {each for each in Scope if each in words}
    assert found.is_human is ("human" in words)


@given(st.text(max_size=130))
def test_a_subject_is_plain_ascii_and_nobody_of_the_server(subject: str) -> None:
    if is_subject(subject):
        assert subject.isascii()
        assert subject.isprintable()
        assert subject not in {"local", "system", "anonymous", "root"}
        assert not set(subject) & set(" /\\%?#\"'")


def test_a_minted_token_is_verified_by_the_rules_it_was_made_by() -> None:
    rules = JwtRules(
        secrets=SECRETS, issuer="cli", audience="vasya-server", max_lifetime=timedelta(hours=12)
    )
    made = mint(rules, "alice", now=NOW, ttl=timedelta(hours=12), scope="chats:read human")
    found = verifier(rules).verify(made.token)

    assert found == Claims(
        subject="alice",
        scopes=frozenset({Scope.CHATS_READ}),
        is_human=True,
        expires_at=NOW + timedelta(hours=12),
        issued_at=NOW,
        jti=made.jti,
    )
    assert made.expires_at == NOW + timedelta(hours=12)
    assert len(made.jti) == 32
    assert made.token not in repr(made)


def test_a_minted_token_names_its_secret_and_says_no_more_than_it_must() -> None:
    made = mint(JwtRules(secrets=SECRETS), "alice", now=NOW, ttl=timedelta(minutes=1), scope=None)
    header, payload, mac = made.token.split(".")

    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {
        "alg": "HS256",
        "typ": "JWT",
        "kid": hashlib.sha256(b"vasya-jwt-kid" + SECRETS[0]).hexdigest()[:8],
    }
    assert json.loads(base64.urlsafe_b64decode(payload + "==")) == {
        "sub": "alice",
        "iat": VECTORS["now"],
        "exp": VECTORS["now"] + 60,
        "jti": made.jti,
    }
    expected = hmac.digest(SECRETS[0], f"{header}.{payload}".encode(), "sha256")
    assert base64.urlsafe_b64decode(mac + "=") == expected
