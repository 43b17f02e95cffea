from __future__ import annotations

import pytest

from vasya_server import errors
from vasya_server.api.problems import PROBLEMS
from vasya_server.cli.refusals import ApiRefused, Choice, Field, Problem, told


def test_the_wrong_fields_are_listed_with_what_would_be_right() -> None:
    problem = Problem(
        code="validation_failed",
        detail="Some fields are wrong.",
        remedy="Change the request as the errors say.",
        errors=(
            Field(pointer="/session", code="wrong_length", allowed=("16..1024 characters",)),
            Field(pointer="?type", code="not_allowed", allowed=("photo", "video")),
            Field(pointer="/alias", code="taken"),
            Field(pointer="", code="wrong_type", allowed=("object",)),
        ),
    )
    assert told(ApiRefused(422, problem)) == (
        "Some fields are wrong.\n"
        "  session: wrong length (allowed: 16..1024 characters)\n"
        "  type: not allowed (allowed: photo, video)\n"
        "  alias: taken\n"
        "  the body: wrong type (allowed: object)"
    )


def test_the_form_of_a_phone_number_is_an_example_and_no_pattern() -> None:
    field = Field(pointer="/phone", code="wrong_form", allowed=("^[0-9]$",))
    problem = Problem(code="validation_failed", detail="Wrong.", errors=(field,))
    assert told(ApiRefused(422, problem)) == (
        "Wrong.\n  phone: wrong form (allowed: the number with its country code, like +4915112345678)"
    )


def test_the_accounts_that_could_be_meant_are_listed() -> None:
    accounts = (Choice(account_id="acc_1", alias="work"), Choice(account_id="acc_2"))
    problem = Problem(code="account_ambiguous", detail="Which one?", accounts=accounts)
    assert told(ApiRefused(409, problem)) == (
        "Which one?\n"
        "  acc_1  work\n"
        "  acc_2  -\n"
        "Name one of these by its id or its alias instead of me."
    )


def test_a_wait_is_told_in_seconds() -> None:
    problem = Problem(code="telegram_flood_wait", detail="Too often.", retry_after_secs=31)
    assert told(ApiRefused(429, problem)) == "Too often.\nRepeat the command in 31 s."


@pytest.mark.parametrize(
    ("refusal", "text"),
    [
        pytest.param(
            errors.ValidationFailed(errors.FieldError("/alias", "taken"), detail="No."),
            "No.\n  alias: taken",
            id="fields",
        ),
        pytest.param(
            errors.AccountAmbiguous((errors.AccountChoice("acc_1", None),)),
            "The credential does not reach exactly one account, so `me` names none.\n"
            "  acc_1  -\n"
            "Name one of these by its id or its alias instead of me.",
            id="choices",
        ),
        pytest.param(
            errors.AccountAmbiguous(()),
            "The credential does not reach exactly one account, so `me` names none.\n"
            "There is no account yet: vasya-server login brings one.",
            id="no choice",
        ),
        pytest.param(
            errors.TelegramError("SOME_NAME"),
            "Telegram refused the operation.\nTelegram's own name for the refusal: SOME_NAME.",
            id="Telegram",
        ),
        pytest.param(
            errors.ConfigurationInvalid("The key {is} weak.", remedy="Make {another}."),
            "The key {is} weak.\nMake {another}.",
            id="start",
        ),
    ],
)
def test_a_refusal_of_this_process_reads_as_one_of_the_server(
    refusal: errors.VasyaError, text: str
) -> None:
    assert told(refusal) == text


@pytest.mark.parametrize("code", sorted(PROBLEMS))
def test_no_refusal_of_a_command_speaks_of_requests(code: str) -> None:
    # What no command can meet: it sends well-formed requests, no messages, and asks its own server.
    unmet = {
        "admin_required", "chat_not_allowed", "chat_not_found", "chat_protected", "chat_write_forbidden", "headers_too_large",
        "host_not_allowed", "human_required", "idempotency_key_invalid", "malformed_json", "malformed_request",
        "message_not_found", "method_not_allowed", "missing_token", "not_acceptable", "not_found",
        "origin_not_allowed", "outcome_unknown", "request_timeout", "scope_required", "unsupported_media_type",
        "uri_too_long", "body_too_large", "idempotency_in_progress", "idempotency_key_reused", "idempotency_key_stale",
        "media_not_found", "upload_not_found", "too_many_uploads", "encoding_invalid", "account_spam_limited", "account_frozen",
        "content_not_allowed", "too_many_webhooks", "budget_exhausted", "too_many_actions",
        "chat_has_no_topics", "device_not_found", "folder_not_found", "invite_not_found", "join_request_not_found",
        "link_not_found", "member_not_found", "own_device", "owner_must_transfer_or_delete", "poll_closed", "provider_failed",
        "scope_disabled", "too_many_scheduled", "topic_not_found", "transcript_unavailable", "undo_window",
    }  # fmt: skip
    text = told(ApiRefused(400, Problem(code=code, detail="No.", remedy=PROBLEMS[code].remedy)))
    assert code in unmet or not any(
        word in text for word in ("/api/", "POST ", "GET ", "Idempotency", "retryAfterSecs", "{")
    )
