from __future__ import annotations

import pytest

from vasya_server import errors
from vasya_server.cli import exit_code_of
from vasya_server.cli.http_server import PortUnavailable
from vasya_server.cli.refusals import ApiRefused, Problem
from vasya_server.cli.terminal import NobodyAnswers, plain


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (errors.ConfigurationInvalid(), 78),
        (errors.MasterKeyMismatch(), 78),
        (errors.DataDirLocked(), 75),
        (PortUnavailable(), 75),
        (errors.TelegramUnavailable(), 69),
        (errors.TelegramTimeout(), 69),
        (errors.KeychainLocked(), 77),
        (errors.AccessDenied(), 77),
        (errors.AccountReauthRequired(), 77),
        (NobodyAnswers(), 77),
        (errors.PhoneInvalid(), 1),
        (errors.SessionUnreadable(), 1),
        (ApiRefused(401, Problem(code="invalid_token")), 77),
        (ApiRefused(403, Problem(code="human_required")), 77),
        (ApiRefused(409, Problem(code="account_exists")), 1),
        (ApiRefused(422, Problem(code="code_invalid")), 1),
        (ApiRefused(503, Problem(code="telegram_unavailable")), 69),
        (ApiRefused(504, Problem(code="telegram_timeout")), 69),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, errors.VasyaError) else str(value),
)
def test_a_refusal_has_the_exit_code_of_its_kind(refusal: errors.VasyaError, code: int) -> None:
    assert exit_code_of(refusal) == code


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("Анна 李", "Анна 李", id="any script"),
        pytest.param("a\x1b[2J\x07b", "a[2Jb", id="escape sequence"),
        pytest.param("abc\u202etxt.exe", "abctxt.exe", id="right-to-left override"),
        pytest.param("two\nlines", "twolines", id="line break"),
        pytest.param(None, "", id="nothing"),
    ],
)
def test_a_strangers_name_cannot_drive_the_terminal(name: str | None, shown: str) -> None:
    assert plain(name) == shown
