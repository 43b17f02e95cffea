"""The second factor, by real SRP.

Source: https://core.telegram.org/api/srp
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import srp
from vasya_sandbox.errors import RpcError
from vasya_sandbox.handlers.auth import authorize
from vasya_sandbox.records import Verifier
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.records import User
    from vasya_sandbox.session import Session

_Algo = t.PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow


def _owner(session: Session) -> User:
    """Return whose password is meant: someone between code and login counts."""
    user = session.auth.user or session.auth.pending
    if user is None:
        raise RpcError(401, "AUTH_KEY_UNREGISTERED")
    return user


@rpc(f.account.GetPasswordRequest, login=False)
def get_password(session: Session, request: Any) -> Any:
    """Serve account.getPassword: a fresh challenge each time.

    Source: https://core.telegram.org/method/account.getPassword
    """
    user = _owner(session)
    answer = t.account.Password(
        _Algo(secrets.token_bytes(8), secrets.token_bytes(16), srp.GENERATOR, srp.PRIME_BYTES),
        t.SecurePasswordKdfAlgoPBKDF2HMACSHA512iter100000(secrets.token_bytes(8)),
        secrets.token_bytes(256),
    )
    if user.verifier:
        question = session.auth.srp = srp.challenge(user.verifier)
        answer.has_password = True
        answer.hint = user.verifier.hint or None
        answer.current_algo = _Algo(
            user.verifier.salt1, user.verifier.salt2, srp.GENERATOR, srp.PRIME_BYTES
        )
        answer.srp_id = question.id
        answer.srp_B = question.public
    return answer


def check(session: Session, user: User, proof: Any) -> None:
    """Check a password proof; each challenge can be answered once.

    Raises:
        RpcError: PASSWORD_HASH_INVALID or SRP_ID_INVALID.
    """
    if user.verifier is None:
        return
    if isinstance(proof, t.InputCheckPasswordEmpty):
        raise RpcError(400, "PASSWORD_HASH_INVALID")
    question: srp.Challenge | None = session.auth.srp
    session.auth.srp = None
    if question is None or proof.srp_id != question.id:
        raise RpcError(400, "SRP_ID_INVALID")
    if not srp.is_proof(user.verifier, question, proof.A, proof.M1):
        raise RpcError(400, "PASSWORD_HASH_INVALID")


@rpc(f.auth.CheckPasswordRequest, login=False)
def check_password(session: Session, request: Any) -> Any:
    """Serve auth.checkPassword.

    Source: https://core.telegram.org/method/auth.checkPassword
    """
    user = _owner(session)
    check(session, user, request.password)
    return authorize(session, user)


@rpc(f.account.UpdatePasswordSettingsRequest)
def update_password_settings(session: Session, request: Any) -> Any:
    """Serve account.updatePasswordSettings: set, change or remove the password.

    Source: https://core.telegram.org/method/account.updatePasswordSettings
    """
    user = session.user
    check(session, user, request.password)
    new = request.new_settings
    if new.new_password_hash is None:
        return True
    user.password = ""
    if not new.new_password_hash:
        user.verifier = None
        return True
    if not isinstance(new.new_algo, _Algo) or new.new_algo.p != srp.PRIME_BYTES:
        raise RpcError(400, "NEW_SALT_INVALID")
    user.verifier = Verifier(
        salt1=new.new_algo.salt1,
        salt2=new.new_algo.salt2,
        value=new.new_password_hash,
        hint=new.hint or "",
    )
    return True
