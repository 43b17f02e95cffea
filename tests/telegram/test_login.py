"""Logging in, in every way, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.telegram.conftest import SUBJECT, a_read
from vasya_server.errors import (
    CodeExpired,
    CodeInvalid,
    CredentialsMissing,
    FloodWait,
    LoginNotFound,
    PasswordInvalid,
    PhoneInvalid,
    SignupRequired,
    TelegramError,
    TelegramTimeout,
    TelegramUnavailable,
    ValidationFailed,
)

if TYPE_CHECKING:
    from tests.telegram.conftest import Faults, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_server.ids import OwnerId
    from vasya_server.sessions.vault import Vault
    from vasya_server.telegram.accounts import AccountRuntime, Accounts
    from vasya_server.telegram.login import Logins

ALICE, BOB, CAROL = "+99966210001", "+99966210002", "+99966210003"


async def test_a_code_logs_in(
    logins: Logins, accounts: Accounts, owner: OwnerId, dc: DataCentre, scene: Scene
) -> None:
    sent = await logins.start_code(owner, SUBJECT, "+999 662 10-003")
    assert (sent.phone, sent.code_type, sent.code_length) == ("+9********03", "sms", 5)

    state = await logins.verify_code(owner, SUBJECT, sent.account_id, " 12345 ")

    assert state.status == "authorized"
    assert state.account_id == sent.account_id
    assert state.user is not None
    assert state.user.first_name == "Кэрол"
    users = await accounts.get(owner, sent.account_id).call(a_read())
    assert users[0].id == scene.carol.id


async def test_a_login_makes_one_authorization_and_keeps_it(
    logins: Logins, accounts: Accounts, owner: OwnerId, dc: DataCentre, scene: Scene
) -> None:
    sent = await logins.start_code(owner, SUBJECT, CAROL)
    await logins.verify_code(owner, SUBJECT, sent.account_id, "12345")
    await accounts.get(owner, sent.account_id).call(a_read())

    assert len(dc.authorizations_of(scene.carol)) == 1
    assert dc.connections == 1


async def test_an_impossible_number_is_refused(logins: Logins, owner: OwnerId) -> None:
    with pytest.raises(PhoneInvalid):
        await logins.start_code(owner, SUBJECT, "+12")


async def test_a_number_without_digits_is_refused_unasked(
    logins: Logins, owner: OwnerId, dc: DataCentre
) -> None:
    with pytest.raises(PhoneInvalid):
        await logins.start_code(owner, SUBJECT, "+(  )-")

    assert not dc.requests


async def test_a_banned_number_is_refused(logins: Logins, owner: OwnerId, fault: Faults) -> None:
    fault("rpc_error", "auth.SendCode", code=400, text="PHONE_NUMBER_BANNED")

    with pytest.raises(PhoneInvalid, match="banned"):
        await logins.start_code(owner, SUBJECT, ALICE)


async def test_a_number_without_an_account_is_not_signed_up(logins: Logins, owner: OwnerId) -> None:
    sent = await logins.start_code(owner, SUBJECT, "+99966219999")

    with pytest.raises(SignupRequired):
        await logins.verify_code(owner, SUBJECT, sent.account_id, "12345")


async def test_a_wrong_code_can_be_corrected(logins: Logins, owner: OwnerId) -> None:
    sent = await logins.start_code(owner, SUBJECT, CAROL)
    with pytest.raises(CodeInvalid):
        await logins.verify_code(owner, SUBJECT, sent.account_id, "54321")

    state = await logins.verify_code(owner, SUBJECT, sent.account_id, "12345")

    assert state.status == "authorized"


async def test_an_expired_code_says_so(logins: Logins, owner: OwnerId, world: World) -> None:
    sent = await logins.start_code(owner, SUBJECT, CAROL)
    world.logins.clear()

    with pytest.raises(CodeExpired):
        await logins.verify_code(owner, SUBJECT, sent.account_id, "12345")


async def test_a_code_comes_again_by_the_next_way(logins: Logins, owner: OwnerId) -> None:
    sent = await logins.start_code(owner, SUBJECT, CAROL)

    again = await logins.resend(owner, SUBJECT, sent.account_id)

    assert (sent.code_type, again.code_type) == ("sms", "call")
    with pytest.raises(TelegramError) as refused:
        await logins.resend(owner, SUBJECT, sent.account_id)
    assert refused.value.rpc_name == "SEND_CODE_UNAVAILABLE"


async def test_a_flood_wait_on_the_code_is_told(
    logins: Logins, owner: OwnerId, fault: Faults
) -> None:
    fault("flood_wait", "auth.SendCode", secs=77)

    with pytest.raises(FloodWait) as refused:
        await logins.start_code(owner, SUBJECT, ALICE)

    assert refused.value.retry_after_secs == 77


async def test_a_restarted_authorization_is_begun_again(
    logins: Logins, owner: OwnerId, fault: Faults
) -> None:
    fault("rpc_error", "auth.SendCode", code=500, text="AUTH_RESTART")

    sent = await logins.start_code(owner, SUBJECT, CAROL)

    assert sent.code_type == "sms"


async def test_an_application_that_telegram_does_not_know_says_so(
    logins: Logins, owner: OwnerId, fault: Faults
) -> None:
    fault("rpc_error", "auth.SendCode", code=400, text="API_ID_INVALID")

    with pytest.raises(CredentialsMissing, match="does not accept"):
        await logins.start_code(owner, SUBJECT, CAROL)


async def test_a_login_goes_on_at_the_data_centre_of_the_number(
    logins: Logins, accounts: Accounts, owner: OwnerId, fault: Faults, vault: Vault
) -> None:
    fault("rpc_error", "auth.SendCode", code=303, text="PHONE_MIGRATE_4")

    sent = await logins.start_code(owner, SUBJECT, CAROL)
    await logins.verify_code(owner, SUBJECT, sent.account_id, "12345")

    session = (await vault.accounts())[0].session
    assert session is not None
    assert session.dc_id == 4
    assert (await accounts.get(owner, sent.account_id).call(a_read()))[0].first_name == "Кэрол"


async def test_a_two_step_password_is_asked_for_with_its_hint_and_proved(
    logins: Logins, owner: OwnerId, scene: Scene
) -> None:
    sent = await logins.start_code(owner, SUBJECT, BOB)

    asked = await logins.verify_code(owner, SUBJECT, sent.account_id, "12345")
    with pytest.raises(PasswordInvalid):
        await logins.verify_password(owner, SUBJECT, sent.account_id, "battery staple")
    state = await logins.verify_password(owner, SUBJECT, sent.account_id, "correct horse")

    assert asked.status == "password_required"
    assert scene.bob.verifier is not None
    assert asked.hint == (scene.bob.verifier.hint or None)
    assert state.status == "authorized"


async def test_a_challenge_that_was_replaced_is_answered_again(
    logins: Logins, owner: OwnerId, fault: Faults
) -> None:
    sent = await logins.start_code(owner, SUBJECT, BOB)
    await logins.verify_code(owner, SUBJECT, sent.account_id, "12345")
    fault("rpc_error", "auth.CheckPassword", code=400, text="SRP_ID_INVALID")

    state = await logins.verify_password(owner, SUBJECT, sent.account_id, "correct horse")

    assert state.status == "authorized"


async def test_a_step_out_of_turn_names_the_one_that_is_due(logins: Logins, owner: OwnerId) -> None:
    sent = await logins.start_code(owner, SUBJECT, BOB)

    with pytest.raises(ValidationFailed) as refused:
        await logins.verify_password(owner, SUBJECT, sent.account_id, "correct horse")

    assert refused.value.errors[0].allowed == ("code_sent",)


async def test_a_sign_in_whose_answer_was_lost_is_recognised(
    logins: Logins, owner: OwnerId, fault: Faults, dc: DataCentre
) -> None:
    sent = await logins.start_code(owner, SUBJECT, CAROL)
    fault("drop_after", "auth.SignIn")

    state = await logins.verify_code(owner, SUBJECT, sent.account_id, "12345")

    assert state.status == "authorized"
    assert dc.requests["auth.SignIn"] == 1


async def test_a_sign_in_that_was_dropped_unhandled_is_repeated(
    logins: Logins, owner: OwnerId, fault: Faults
) -> None:
    sent = await logins.start_code(owner, SUBJECT, CAROL)
    fault("drop", "auth.SignIn")

    state = await logins.verify_code(owner, SUBJECT, sent.account_id, "12345")

    assert state.status == "authorized"


@pytest.mark.short_deadlines
async def test_a_silent_data_centre_ends_a_step_at_its_deadline_and_the_login_goes_on(
    logins: Logins, owner: OwnerId, fault: Faults
) -> None:
    sent = await logins.start_code(owner, SUBJECT, CAROL)
    fault("silence", "auth.SignIn")

    async with asyncio.timeout(8):
        with pytest.raises(TelegramTimeout):
            await logins.verify_code(owner, SUBJECT, sent.account_id, "12345")
    state = await logins.verify_code(owner, SUBJECT, sent.account_id, "12345")

    assert state.status == "authorized"


@pytest.mark.short_deadlines
async def test_a_data_centre_that_is_down_ends_a_login_at_its_deadline(
    logins: Logins, owner: OwnerId, dc: DataCentre
) -> None:
    await dc.stop()

    async with asyncio.timeout(8):
        with pytest.raises(TelegramUnavailable):
            await logins.start_code(owner, SUBJECT, CAROL)


async def test_the_state_of_a_code_login_is_what_was_sent(logins: Logins, owner: OwnerId) -> None:
    sent = await logins.start_code(owner, SUBJECT, CAROL)

    state = await logins.state(owner, SUBJECT, sent.account_id)

    assert (state.status, state.phone, state.code_type) == ("code_sent", "+9********03", "sms")
    assert state.expires_at is not None


async def test_a_cancelled_login_is_gone_and_its_code_is_dead(
    logins: Logins, owner: OwnerId, dc: DataCentre, world: World
) -> None:
    sent = await logins.start_code(owner, SUBJECT, CAROL)

    await logins.cancel(owner, SUBJECT, sent.account_id)

    assert world.logins == {}
    with pytest.raises(LoginNotFound):
        await logins.state(owner, SUBJECT, sent.account_id)
    with pytest.raises(LoginNotFound):
        await logins.cancel(owner, SUBJECT, sent.account_id)


@pytest.mark.short_deadlines
async def test_a_login_is_cancelled_where_telegram_cannot_be_reached(
    logins: Logins, owner: OwnerId, dc: DataCentre
) -> None:
    sent = await logins.start_code(owner, SUBJECT, CAROL)
    await dc.stop()

    await logins.cancel(owner, SUBJECT, sent.account_id)

    with pytest.raises(LoginNotFound):
        await logins.state(owner, SUBJECT, sent.account_id)


async def test_a_login_is_only_there_for_the_credential_that_began_it(
    logins: Logins, owner: OwnerId, vault: Vault
) -> None:
    sent = await logins.start_code(owner, SUBJECT, CAROL)
    stranger = await vault.owner("somebody else")

    with pytest.raises(LoginNotFound) as foreign:
        await logins.verify_code(stranger, SUBJECT, sent.account_id, "12345")
    with pytest.raises(LoginNotFound):
        await logins.verify_code(owner, "another key", sent.account_id, "12345")
    with pytest.raises(LoginNotFound) as missing:
        await logins.verify_code(stranger, SUBJECT, "acc_aaaaaaaaaaaaaaaaaaaaaaaaaa", "12345")

    assert str(foreign.value) == str(missing.value)


async def test_a_credential_that_begins_too_many_logins_gives_up_its_first(
    logins: Logins, owner: OwnerId
) -> None:
    other = await logins.start_code(owner, "another key", CAROL)
    begun = [await logins.start_code(owner, SUBJECT, CAROL) for _ in range(6)]

    with pytest.raises(LoginNotFound):
        await logins.state(owner, SUBJECT, begun[0].account_id)
    assert (await logins.state(owner, SUBJECT, begun[1].account_id)).status == "code_sent"
    assert (await logins.state(owner, "another key", other.account_id)).status == "code_sent"


async def test_a_finished_login_is_no_longer_in_progress(logins: Logins, owner: OwnerId) -> None:
    sent = await logins.start_code(owner, SUBJECT, CAROL)
    await logins.verify_code(owner, SUBJECT, sent.account_id, "12345")

    with pytest.raises(LoginNotFound):
        await logins.state(owner, SUBJECT, sent.account_id)


async def test_two_answers_at_once_log_in_once(
    logins: Logins, owner: OwnerId, vault: Vault
) -> None:
    sent = await logins.start_code(owner, SUBJECT, CAROL)

    outcomes = await asyncio.gather(
        logins.verify_code(owner, SUBJECT, sent.account_id, "12345"),
        logins.verify_code(owner, SUBJECT, sent.account_id, "12345"),
        return_exceptions=True,
    )

    assert [type(outcome).__name__ for outcome in outcomes] == ["LoginState", "LoginNotFound"]
    assert len(await vault.accounts()) == 1


async def test_a_known_telegram_user_lands_on_the_existing_account(
    alice: AccountRuntime, logins: Logins, owner: OwnerId, vault: Vault
) -> None:
    sent = await logins.start_code(owner, SUBJECT, ALICE)

    state = await logins.verify_code(owner, SUBJECT, sent.account_id, "12345")

    assert state.account_id == alice.id
    assert len(await vault.accounts()) == 1
    assert (await alice.call(a_read()))[0].first_name == "Alice"


async def test_one_telegram_user_may_be_an_account_of_two_owners(
    alice: AccountRuntime, logins: Logins, vault: Vault, dc: DataCentre, scene: Scene
) -> None:
    other = await vault.owner("somebody else")

    state = await logins.import_session(other, dc.mint(scene.alice))

    assert state.account_id != alice.id


async def test_closing_ends_logins_in_progress(logins: Logins, owner: OwnerId) -> None:
    await logins.start_code(owner, SUBJECT, CAROL)
    await logins.start_qr(owner, SUBJECT)

    async with asyncio.timeout(10):
        await logins.close()
