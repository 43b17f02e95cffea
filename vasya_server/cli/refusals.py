"""What a refusal says at a terminal: the API's words, without what only a program could follow."""

from __future__ import annotations

from typing import Final

import msgspec

from vasya_server.cli import EX_NEEDS_HUMAN, EX_REFUSED, EX_UNREACHABLE
from vasya_server.errors import StartupRefused, VasyaError

_EXIT_CODES: Final = {
    401: EX_NEEDS_HUMAN,
    403: EX_NEEDS_HUMAN,
    503: EX_UNREACHABLE,
    504: EX_UNREACHABLE,
}
_AGAIN: Final = "Repeat the command in a few seconds."
_WAIT: Final = "Repeat the command in {secs} s."
# Where the API's own remedy speaks of requests, paths and headers.
_REMEDIES: Final = {
    "access_denied": "vasya-server accounts list and vasya-server keys list show what is here.",
    "agent_key_required": "Name the key: vasya-server keys list, vasya-server keys revoke.",
    "audit_unavailable": "Look at the disk of the data dir: its audit log cannot be written. vasya-server doctor tells more.",
    "action_stale": "Look at it again with vasya-server actions show: it, or its chat, is not what was shown.",
    "action_state": "vasya-server actions show tells how it stands.",
    "account_ambiguous": "Name one of these by its id or its alias instead of me.",
    "account_exists": "vasya-server accounts list shows it; remove it first to replace its session.",
    "account_reauth_required": "Log the account in again with vasya-server login.",
    "code_expired": "Have another one sent, or begin again with vasya-server login.",
    "code_invalid": "",  # it is asked for again
    "empty_allowlist": "",  # the fields are listed
    "internal": "The log of the server says why.",
    "auth_rate_limited": "Unset VASYA_TOKEN: a command finds the token of a running server by itself.",
    "invalid_token": (
        "Unset VASYA_TOKEN: a command finds the token of a running server by itself. In JWT mode put another one into it."
    ),
    "key_ended": "Make another one with vasya-server keys create.",
    "token_expired": "Make another with vasya-server token create, and put it into VASYA_TOKEN.",
    "login_not_found": "Begin again with vasya-server login.",
    "overloaded": _AGAIN,
    "owner_active": _WAIT,
    "password_invalid": "",  # as code_invalid
    "phone_invalid": "Give the number with its country code, like +4915112345678.",
    "rate_limited": _WAIT,
    "shutting_down": _AGAIN,
    "telegram_credentials_missing": (
        "Get an api id and hash at https://my.telegram.org and set TELEGRAM_API_ID and TELEGRAM_API_HASH."
    ),
    "telegram_error": "Telegram's own name for the refusal: {name}.",
    "telegram_flood_wait": _WAIT,
    "telegram_slowmode": _WAIT,
    "telegram_timeout": _AGAIN,
    "telegram_unavailable": _AGAIN,
    "too_many_actions": "Decide about some of them: vasya-server actions list --status awaiting_approval.",
    "too_many_keys": "Revoke what is not needed: vasya-server keys list, vasya-server keys revoke.",
    "undo_expired": "vasya-server actions show tells where it stands now.",
    "unknown_scope": "",  # as validation_failed
    "validation_failed": "",  # the fields are listed
}
# A pattern says little to a person.
_FORMS: Final = {"/phone": ("the number with its country code, like +4915112345678",)}


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One wrong field of what was asked."""

    pointer: str
    code: str
    allowed: tuple[str, ...] = ()


class Choice(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One account that could have been meant."""

    account_id: str
    alias: str | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a command reads of the API's problem."""

    code: str = "internal"
    detail: str = "The server failed."
    remedy: str | None = None
    errors: tuple[Field, ...] = ()
    accounts: tuple[Choice, ...] = ()
    retry_after_secs: int | None = None
    telegram_error: str | None = None


class ApiRefused(VasyaError):
    """The gateway answered with a problem."""

    code = "refused"
    detail = "The gateway refused."

    def __init__(self, status: int, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.exit_code = _EXIT_CODES.get(status, EX_REFUSED)


def told(refusal: VasyaError) -> str:
    """Return *refusal* as lines for a person: what is refused, the fields or choices in question, and what helps."""
    problem = _problem(refusal)
    lines = [problem.detail, *map(_field, problem.errors)]
    lines += [f"  {each.account_id}  {each.alias or '-'}" for each in problem.accounts]
    lines += [_remedy(problem)]
    return "\n".join(filter(None, lines))


def _remedy(problem: Problem) -> str:
    if problem.code == "account_ambiguous" and not problem.accounts:
        return "There is no account yet: vasya-server login brings one."
    if problem.code not in _REMEDIES:
        return problem.remedy or ""
    return _REMEDIES[problem.code].format(
        secs=problem.retry_after_secs or 1, name=problem.telegram_error or "none"
    )


def _field(field: Field) -> str:
    name = field.pointer.strip("/?{}") or "the body"
    allowed = ", ".join(_FORMS.get(field.pointer, field.allowed))
    return f"  {name}: {field.code.replace('_', ' ')}{f' (allowed: {allowed})' if allowed else ''}"


def _problem(refusal: VasyaError) -> Problem:
    """Return the problem as which the API would tell, or has told, *refusal*."""
    if isinstance(refusal, ApiRefused):
        return refusal.problem
    if not isinstance(refusal, StartupRefused):
        from vasya_server.api.problems import PROBLEMS
        from vasya_server.api.refusing import refuse

        if refusal.code in PROBLEMS:
            return msgspec.json.decode(refuse(refusal, "").body, type=Problem)
    return Problem(code=refusal.code, detail=refusal.detail, remedy=refusal.remedy)
