"""`vasya-server token`: what makes a token, what names one, and what does neither."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from vasya_server.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "Fq3vT9xLm2Kp7WzR4yHc8NsJ6bDgUeAo"
OTHER_SECRET = "tZ5rQ1nXw8VkB3jM7aYf0LdGhC6uEiPs"

ALICE = ("--owner", "alice", "--ttl", "12h")


class Told:
    """What a command said, and with which code it ended."""

    def __init__(self, code: object, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Told]:
    def run(*arguments: str, **settings: str) -> Told:
        with monkeypatch.context() as patch:
            for name in [name for name in os.environ if name.startswith(("VASYA_", "JWT_"))]:
                patch.delenv(name)
            given = {
                "AUTH_MODE": "jwt",
                "JWT_SECRET": SECRET,
                "VASYA_DATA_DIR": str(tmp_path / "d"),
            }
            for name, value in (given | settings).items():
                patch.setenv(name, value)
            try:
                code: object = main(["token", *arguments])
            except SystemExit as usage:
                code = usage.code
        return Told(code, *capsys.readouterr())

    return run


def test_a_token_can_be_drawn(command: Callable[..., Told]) -> None:
    done = command("create", "--owner", "alice", "--ttl", "12h", "--qr")

    assert len(done.out.splitlines()) == 1
    assert "▀" in done.err


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "sentence"),
    [
        pytest.param(("--owner", "local"), {}, 2, "none of local, system", id="reserved"),
        pytest.param(("--owner", "a b"), {}, 2, "An owner's name begins with", id="no owner"),
        pytest.param(
            ("--owner", "a", "--scope", "chats:all"), {}, 2, "no scope chats:all", id="no scope"
        ),
        pytest.param(
            ("--owner", "a"),
            {"JWT_MAX_LIFETIME_SECS": "3600"},
            2,
            "longer than JWT_MAX_LIFETIME_SECS",
            id="too long",
        ),
        pytest.param(("--owner", "a", "--ttl", "1y"), {}, 2, "must be like 30m", id="no time"),
        pytest.param(("--owner", "a", "--ttl", "367d"), {}, 2, "at most 366d", id="for ever"),
        pytest.param(
            ("--owner", "a"), {"AUTH_MODE": "embedded"}, 78, "There are JWTs in JWT mode", id="mode"
        ),
        pytest.param(
            ("--owner", "a"), {"JWT_SECRET": "short"}, 78, "JWT_SECRET must be 32", id="weak"
        ),
    ],
)
def test_what_would_be_no_token_is_not_made(
    command: Callable[..., Told],
    arguments: tuple[str, ...],
    settings: dict[str, str],
    code: int,
    sentence: str,
) -> None:
    done = command("create", "--ttl", "12h", *arguments, **settings)

    assert (done.code, done.out) == (code, "")
    assert sentence in done.err


@pytest.mark.parametrize(
    ("which", "settings", "code", "sentence"),
    [
        pytest.param(("--jti", "x"), {}, 2, "Nobody is named", id="nobody's"),
        pytest.param(("--token-file", "nowhere"), {}, 2, "cannot be read", id="no file"),
        pytest.param(
            ("--owner", "a", "--all"), {"AUTH_MODE": "embedded"}, 78, "in JWT mode", id="mode"
        ),
        pytest.param(("--owner", "root", "--all"), {}, 2, "none of local", id="reserved"),
        pytest.param((), {}, 2, "one of the arguments --jti", id="nothing"),
    ],
)
def test_what_names_no_token_revokes_none(
    command: Callable[..., Told],
    which: tuple[str, ...],
    settings: dict[str, str],
    code: int,
    sentence: str,
) -> None:
    done = command("revoke", *which, **settings)

    assert done.code == code
    assert sentence in done.err


def test_a_token_of_another_secret_is_not_taken_for_a_name(
    command: Callable[..., Told], tmp_path: Path
) -> None:
    (tmp_path / "foreign.jwt").write_text(command("create", *ALICE, JWT_SECRET=OTHER_SECRET).out)
    done = command("revoke", "--token-file", str(tmp_path / "foreign.jwt"))
    (tmp_path / "own.jwt").write_text(command("create", *ALICE).out)
    mixed = command("revoke", "--token-file", str(tmp_path / "own.jwt"), "--owner", "bob")

    assert done.code == 1
    assert "The bearer token is not valid here." in done.err
    assert mixed.code == 2
    assert "another owner's" in mixed.err


def test_a_token_without_a_name_is_revoked_only_with_all_others(
    command: Callable[..., Told], tmp_path: Path
) -> None:
    # Made with hmac: {"alg":"HS256"}, {"sub":"alice","exp":4102444800}
    nameless = (
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMH0."
        "ER3ooKkl-uxq9ii6TVswz6d58bf3odphzQGVau8hg-g"
    )
    (tmp_path / "nameless.jwt").write_text(nameless)
    done = command("revoke", "--token-file", str(tmp_path / "nameless.jwt"))

    assert done.code == 2
    assert "Revoke all that its owner has" in done.err
