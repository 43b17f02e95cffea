"""What Telegram's refusals mean."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import pytest
from telethon import errors as tg
from telethon.errors import common, rpcbaseerrors

from vasya_server import errors
from vasya_server.telegram.errors import (
    _MEANINGS,
    _REFUSALS,
    FAILURES,
    WIRE_ERRORS,
    ConnectionLost,
    domain_error,
    is_session_over,
    rpc_name,
)

# Raised for mistakes of the caller, by parts of Telethon that Vasya does not use.
NOT_OF_THE_WIRE = {
    common.AlreadyInConversationError,
    common.CdnFileTamperedError,
    common.MultiError,
    common.ReadCancelledError,
}


def refusal(code: int, text: str) -> tg.RPCError:
    """Make the error that Telethon makes of an answer."""
    return tg.rpc_message_to_error(SimpleNamespace(error_code=code, error_message=text), None)


def own_exceptions(module: object) -> set[type[Exception]]:
    return {
        kind
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Exception) and kind.__module__ == getattr(module, "__name__", "")
    }


def test_every_base_error_of_telethon_has_a_meaning() -> None:
    bases = own_exceptions(rpcbaseerrors)
    assert len(bases) >= 10

    for kind in bases - {rpcbaseerrors.RPCError}:
        make: Any = kind
        error = make(request=None, message="SOMETHING_NEW", code=make.code)
        assert isinstance(domain_error(error), errors.VasyaError)


def test_every_other_error_of_telethon_is_known_to_come_or_not_to() -> None:
    for kind in own_exceptions(common) - NOT_OF_THE_WIRE:
        assert issubclass(kind, WIRE_ERRORS), kind


@pytest.mark.parametrize("name", sorted(tg.rpc_errors_dict))
def test_every_refusal_that_telethon_knows_has_a_meaning(name: str) -> None:
    kind = tg.rpc_errors_dict[name]
    error = kind(request=None)

    meaning = domain_error(error)

    assert isinstance(meaning, errors.VasyaError)
    assert type(meaning) is not errors.VasyaError


@pytest.mark.parametrize("name", sorted({*_MEANINGS, *_REFUSALS}))
def test_every_name_in_the_tables_is_one_of_telegrams(name: str) -> None:
    # Newer than the list that comes with Telethon.
    newer = {"FROZEN_PARTICIPANT_MISSING", "REPLY_MESSAGE_ID_INVALID", "TOPIC_ID_INVALID"}

    assert name in tg.rpc_errors_dict or name in newer


@pytest.mark.parametrize(
    ("code", "text", "meaning"),
    [
        (400, "PEER_ID_INVALID", errors.ChatNotFound),
        (400, "CHANNEL_PRIVATE", errors.ChatNotFound),
        (400, "USERNAME_NOT_OCCUPIED", errors.ChatNotFound),
        (400, "MESSAGE_ID_INVALID", errors.MessageNotFound),
        (400, "MESSAGE_TOO_LONG", errors.ValidationFailed),
        (400, "CHAT_FORWARDS_RESTRICTED", errors.ChatProtected),
        (400, "CHAT_ADMIN_REQUIRED", errors.AdminRequired),
        (403, "CHAT_WRITE_FORBIDDEN", errors.ChatWriteForbidden),
        (403, "CHAT_SEND_SOMETHING_NEW_FORBIDDEN", errors.ChatWriteForbidden),
        (400, "USER_BANNED_IN_CHANNEL", errors.ChatWriteForbidden),
        (403, "PREMIUM_ACCOUNT_REQUIRED", errors.TelegramError),
        (400, "PEER_FLOOD", errors.AccountSpamLimited),
        (420, "FROZEN_METHOD_INVALID", errors.AccountFrozen),
        (400, "FROZEN_PARTICIPANT_MISSING", errors.AccountFrozen),
        (420, "FLOOD_WAIT_17", errors.FloodWait),
        (420, "FLOOD_PREMIUM_WAIT_17", errors.FloodWait),
        (420, "FLOOD_OF_A_NEW_KIND_17", errors.FloodWait),
        (420, "FLOOD_OF_UNKNOWN_LENGTH", errors.TelegramError),
        (420, "SLOWMODE_WAIT_17", errors.SlowMode),
        (500, "INTERNAL", errors.TelegramUnavailable),
        (-500, "No workers running", errors.TelegramUnavailable),
        (-503, "Timeout", errors.TelegramUnavailable),
        (401, "AUTH_KEY_UNREGISTERED", errors.AccountReauthRequired),
        (406, "AUTH_KEY_DUPLICATED", errors.AccountReauthRequired),
        (303, "USER_MIGRATE_4", errors.TelegramError),
        (400, "SOMETHING_NEW", errors.TelegramError),
        (999, "SOMETHING_STRANGE", errors.TelegramError),
    ],
)
def test_a_refusal_means(code: int, text: str, meaning: type[errors.VasyaError]) -> None:
    assert type(domain_error(refusal(code, text))) is meaning


@pytest.mark.parametrize(
    ("text", "secs"), [("FLOOD_WAIT_17", 17), ("FLOOD_WAIT_0", 1), ("SLOWMODE_WAIT_3600", 3600)]
)
def test_a_wait_says_how_long_and_is_never_zero(text: str, secs: int) -> None:
    wait = domain_error(refusal(420, text))

    assert isinstance(wait, errors.FloodWait)
    assert wait.retry_after_secs == secs


@pytest.mark.parametrize(
    ("code", "text", "name"),
    [
        (400, "CHAT_ID_INVALID", "CHAT_ID_INVALID"),
        (420, "FLOOD_WAIT_17", "FLOOD_WAIT"),
        (400, "SOMETHING_NEW_42", "SOMETHING_NEW"),
        (400, "a sentence with +4915112345678 in it", None),
    ],
)
def test_a_refusal_is_called_by_telegrams_name_without_its_argument(
    code: int, text: str, name: str | None
) -> None:
    assert rpc_name(refusal(code, text)) == name


@pytest.mark.parametrize(
    "error",
    [
        ConnectionLost(is_dispatched=True),
        ConnectionResetError(),
        EOFError(),
        tg.InvalidBufferError(b"\x53\xfe\xff\xff"),
        tg.SecurityError(),
        tg.InvalidChecksumError(1, 2),
        tg.BadMessageError(None, 34),
    ],
)
def test_a_broken_wire_is_a_telegram_that_cannot_be_reached(error: Exception) -> None:
    assert isinstance(error, FAILURES)
    assert type(domain_error(error)) is errors.TelegramUnavailable


def test_an_answer_of_a_newer_layer_is_no_outage() -> None:
    meaning = domain_error(tg.TypeNotFoundError(0x12345678, b"private words"))

    assert type(meaning) is errors.TelegramError
    assert "private words" not in str(meaning)


def test_a_forgotten_key_ends_the_session() -> None:
    assert is_session_over(tg.AuthKeyNotFound())
    assert not is_session_over(refusal(406, "SEND_CODE_UNAVAILABLE"))


def test_a_domain_error_is_its_own_meaning() -> None:
    error = errors.ShuttingDown()

    assert domain_error(error) is error
