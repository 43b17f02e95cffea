"""The server's half of Telegram's password proof (SRP): it can check, never read, a password.

Source: https://core.telegram.org/api/srp
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from hashlib import pbkdf2_hmac, sha256

from vasya_sandbox.records import Verifier

# Telegram's own safe prime; Telethon takes minutes to test any other one.
PRIME_BYTES = bytes.fromhex(
    "C71CAEB9C6B1C9048E6C522F70F13F73980D40238E3E21C14934D037563D930F"
    "48198A0AA7C14058229493D22530F4DBFA336F6E0AC925139543AED44CCE7C37"
    "20FD51F69458705AC68CD4FE6B6B13ABDC9746512969328454F18FAF8C595F64"
    "2477FE96BB2A941D5BCD1D4AC8CC49880708FA9B378E3C4F3A9060BEE67CF9A4"
    "A4A695811051907E162753B56B0F6B410DBA74D8A84B2A14B3144E0EF1284754"
    "FD17ED950D5965B4B9DD46582DB1178D169C6BC465B0D6FF9CA3928FEF5B9AE4"
    "E418FC15E83EBEA0F87FA9FF5EED70050DED2849F47BF959D956850CE929851F"
    "0D8115F635B105EE2E4E15D04B2454BF6F4FADF034B10403119CD8E3B92FCC5B"
)
PRIME = int.from_bytes(PRIME_BYTES, "big")
GENERATOR = 3
_GENERATOR_BYTES = GENERATOR.to_bytes(256, "big")
_MULTIPLIER = int.from_bytes(sha256(PRIME_BYTES + _GENERATOR_BYTES).digest(), "big")
_MASK = bytes(
    one ^ other
    for one, other in zip(
        sha256(PRIME_BYTES).digest(), sha256(_GENERATOR_BYTES).digest(), strict=True
    )
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One question to one client; used at most once."""

    id: int
    secret: int
    public: bytes


def make_verifier(password: str, salt1: bytes, salt2: bytes, hint: str = "") -> Verifier:
    """Return what the server keeps of *password*."""
    inner = _salted(_salted(password.encode(), salt1), salt2)
    slow = pbkdf2_hmac("sha512", inner, salt1, 100_000)
    exponent = int.from_bytes(_salted(slow, salt2), "big")
    value = pow(GENERATOR, exponent, PRIME).to_bytes(256, "big")
    return Verifier(salt1=salt1, salt2=salt2, value=value, hint=hint)


def challenge(verifier: Verifier) -> Challenge:
    """Return a fresh question for a client that claims to know the password."""
    value = int.from_bytes(verifier.value, "big")
    secret = secrets.randbits(2048)
    public = (_MULTIPLIER * value + pow(GENERATOR, secret, PRIME)) % PRIME
    return Challenge(secrets.randbits(63), secret, public.to_bytes(256, "big"))


def is_proof(verifier: Verifier, question: Challenge, public: bytes, proof: bytes) -> bool:
    """Tell whether *proof* could only come from someone who knows the password."""
    client = int.from_bytes(public, "big")
    # A multiple of the prime would make the shared key zero, and any password right.
    if not 0 < client < PRIME:
        return False
    value = int.from_bytes(verifier.value, "big")
    padded = client.to_bytes(256, "big")
    mixed = int.from_bytes(sha256(padded + question.public).digest(), "big")
    shared = pow(client * pow(value, mixed, PRIME), question.secret, PRIME)
    key = sha256(shared.to_bytes(256, "big")).digest()
    salts = sha256(verifier.salt1).digest() + sha256(verifier.salt2).digest()
    expected = sha256(_MASK + salts + padded + question.public + key).digest()
    return hmac.compare_digest(expected, proof)


def _salted(data: bytes, salt: bytes) -> bytes:
    return sha256(salt + data + salt).digest()
