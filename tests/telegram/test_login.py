"""Logging in, in every way, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from telethon.tl import functions, types

from tests.telegram.conftest import API_HASH, SUBJECT, a_read
from vasya_sandbox.client import open_client
from vasya_sandbox.registry import HANDLERS, Handler
from vasya_server.clock import SystemClock
from vasya_server.errors import (
    AccountExists,
    CodeExpired,
    CodeInvalid,
    CredentialsMissing,
    FloodWait,
    LoginNotFound,
    PasswordInvalid,
    PhoneInvalid,
    SessionInvalid,
    SignupRequired,
    TelegramError,
    TelegramTimeout,
    TelegramUnavailable,
    ValidationFailed,
)
from vasya_server.model.login import Credentials
from vasya_server.telegram.login import Logins

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tests.telegram.conftest import Connect, Faults, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_sandbox.records import User
    from vasya_sandbox.session import Session
    from vasya_server.ids import OwnerId
    from vasya_server.sessions.vault import Vault
    from vasya_server.settings import Settings
    from vasya_server.telegram.accounts import AccountRuntime, Accounts

ALICE, BOB, CAROL = "+99966210001", "+99966210002", "+99966210003"


class FastClock(SystemClock):
    """The machine's clock, ahead of Telegram's by as much as the test says."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


async def scan(dc: DataCentre, user: User, url: str) -> None:
    """Accept a QR code with a phone on which *user* is logged in."""
    token = url.removeprefix("tg://login?token=")
    phone = open_client(dc.address, dc.mint(user), receive_updates=False)
    await phone.connect()
    value = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    await phone(functions.auth.AcceptLoginTokenRequest(value))
    await phone.disconnect()


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


async def test_a_silent_data_centre_ends_a_step_at_its_deadline_and_the_login_goes_on(
    logins: Logins, owner: OwnerId, fault: Faults
) -> None:
    sent = await logins.start_code(owner, SUBJECT, CAROL)
    fault("silence", "auth.SignIn")

    async with asyncio.timeout(3):
        with pytest.raises(TelegramTimeout):
            await logins.verify_code(owner, SUBJECT, sent.account_id, "12345")
    state = await logins.verify_code(owner, SUBJECT, sent.account_id, "12345")

    assert state.status == "authorized"


async def test_a_data_centre_that_is_down_ends_a_login_at_its_deadline(
    logins: Logins, owner: OwnerId, dc: DataCentre
) -> None:
    await dc.stop()

    async with asyncio.timeout(3):
        with pytest.raises(TelegramUnavailable):
            await logins.start_code(owner, SUBJECT, CAROL)


async def test_a_qr_code_logs_in_once_a_phone_has_accepted_it(
    logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene
) -> None:
    shown = await logins.start_qr(owner, SUBJECT)
    waiting = await logins.state(owner, SUBJECT, shown.account_id)

    await scan(dc, scene.carol, shown.url)
    state = await logins.state(owner, SUBJECT, shown.account_id)

    assert waiting.status == "qr_waiting"
    assert waiting.url == shown.url, "asking must not change what a camera looks at"
    assert waiting.svg is not None
    assert waiting.svg.startswith("<svg")
    assert state.status == "authorized"
    assert state.account_id == shown.account_id


async def test_a_qr_code_that_runs_out_is_renewed(
    accounts: Accounts, vault: Vault, settings: Settings, owner: OwnerId
) -> None:
    clock = FastClock()
    logins = Logins(accounts, vault, settings, clock)
    shown = await logins.start_qr(owner, SUBJECT)
    clock.ahead = timedelta(seconds=28)
    same = await logins.state(owner, SUBJECT, shown.account_id)
    clock.ahead = timedelta(seconds=30)

    renewed = await logins.state(owner, SUBJECT, shown.account_id)

    assert same.url == shown.url
    assert renewed.url != shown.url
    await logins.close()


async def test_a_qr_code_is_noticed_to_be_accepted_where_the_push_was_lost(
    logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene
) -> None:
    shown = await logins.start_qr(owner, SUBJECT)
    dc.drop_connections()
    await asyncio.sleep(0.05)
    await scan(dc, scene.carol, shown.url)

    state = await logins.state(owner, SUBJECT, shown.account_id)

    assert state.status == "authorized"


async def test_a_password_is_asked_for_after_a_qr_code(
    logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene
) -> None:
    shown = await logins.start_qr(owner, SUBJECT)
    await scan(dc, scene.bob, shown.url)

    asked = await logins.state(owner, SUBJECT, shown.account_id)
    state = await logins.verify_password(owner, SUBJECT, shown.account_id, "correct horse")

    assert asked.status == "password_required"
    assert state.status == "authorized"


async def test_a_qr_code_logs_in_at_the_data_centre_of_the_account(
    logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene, vault: Vault, elsewhere: None
) -> None:
    shown = await logins.start_qr(owner, SUBJECT)
    await scan(dc, scene.carol, shown.url)

    state = await logins.state(owner, SUBJECT, shown.account_id)

    assert state.status == "authorized"
    session = (await vault.accounts())[0].session
    assert session is not None
    assert session.dc_id == 4


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


async def test_a_session_string_is_taken_over_once_telegram_has_confirmed_it(
    connect: Connect, scene: Scene, dc: DataCentre
) -> None:
    account = await connect(scene.carol)

    assert dc.requests["users.GetUsers"] == 1
    assert account.describe().user is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "1" + "A" * 352,
        "1" + "A" * 351,
        "1" + "A" * 100,
        "2" + "A" * 352,
        "1" + "ы" * 352,
        "1" + "A" * 350 + "\n=",
    ],
    ids=["empty", "nonsense", "zeros", "odd", "short", "version", "unicode", "newline"],
)
async def test_what_is_no_session_string_is_refused_unasked(
    logins: Logins, owner: OwnerId, dc: DataCentre, text: str
) -> None:
    with pytest.raises(SessionInvalid):
        await logins.import_session(owner, text)

    assert not dc.requests


async def test_a_session_that_telegram_does_not_know_is_refused_and_not_stored(
    logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene, vault: Vault
) -> None:
    text = dc.mint(scene.alice)
    dc.keys.clear()

    with pytest.raises(SessionInvalid):
        await logins.import_session(owner, text)

    assert await vault.accounts() == []


async def test_a_session_that_was_logged_out_is_refused_and_not_stored(
    logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene, vault: Vault
) -> None:
    text = dc.mint(scene.alice)
    dc.log_out(dc.authorizations_of(scene.alice)[0])

    with pytest.raises(SessionInvalid):
        await logins.import_session(owner, text)

    assert await vault.accounts() == []


async def test_a_bots_session_is_refused(
    logins: Logins, owner: OwnerId, dc: DataCentre, world: World
) -> None:
    bot = world.add_user("Bot", username="some_bot", bot=True)

    with pytest.raises(SessionInvalid, match="bot"):
        await logins.import_session(owner, dc.mint(bot))


async def test_a_session_of_a_connected_account_is_refused(
    alice: AccountRuntime, logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene
) -> None:
    with pytest.raises(AccountExists):
        await logins.import_session(owner, dc.mint(scene.alice))


async def test_a_session_of_a_disconnected_account_replaces_the_old_one(
    alice: AccountRuntime, logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene
) -> None:
    await alice.disconnect()
    dc.log_out(dc.authorizations_of(scene.alice)[0])

    state = await logins.import_session(owner, dc.mint(scene.alice))

    assert state.account_id == alice.id
    assert (await alice.call(a_read()))[0].first_name == "Alice"


async def test_two_imports_at_once_make_one_account(
    logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene, vault: Vault
) -> None:
    first, second = await asyncio.gather(
        logins.import_session(owner, dc.mint(scene.alice)),
        logins.import_session(owner, dc.mint(scene.alice)),
    )

    assert first.account_id == second.account_id
    assert len(await vault.accounts()) == 1


async def test_an_import_ends_at_its_deadline(
    logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene, fault: Faults
) -> None:
    fault("silence", "users.GetUsers")

    async with asyncio.timeout(3):
        with pytest.raises(TelegramTimeout):
            await logins.import_session(owner, dc.mint(scene.alice))


async def test_the_owners_application_goes_before_the_servers(
    logins: Logins, owner: OwnerId, dc: DataCentre, scene: Scene
) -> None:
    own = "ab" + "0" * 28 + "cd"

    shown = await logins.set_credentials(owner, 777, own)
    await logins.import_session(owner, dc.mint(scene.alice))

    assert shown == Credentials(source="owner", api_id=777, api_hash="ab" + "*" * 28 + "cd")
    assert dc.authorizations_of(scene.alice)[0].api_id == 777


async def test_the_servers_application_is_used_where_the_owner_has_none(
    logins: Logins, owner: OwnerId
) -> None:
    await logins.set_credentials(owner, 777, "ab" + "0" * 30)
    await logins.erase_credentials(owner)

    shown = await logins.credentials(owner)

    assert (shown.source, shown.api_id) == ("server", 12345)
    assert shown.api_hash is not None
    assert API_HASH not in shown.api_hash


async def test_closing_ends_logins_in_progress(logins: Logins, owner: OwnerId) -> None:
    await logins.start_code(owner, SUBJECT, CAROL)
    await logins.start_qr(owner, SUBJECT)

    async with asyncio.timeout(2):
        await logins.close()


@pytest.fixture
def elsewhere() -> Iterator[None]:
    """Have the sandbox send whoever accepted a QR code on to data centre 4, as Telegram does with most people."""
    request_type: type = functions.auth.ExportLoginTokenRequest
    served = HANDLERS[request_type]

    def send_on(session: Session, request: Any) -> Any:
        for value, token in session.dc.world.qr_tokens.items():
            if token.auth is session.auth and token.user is not None:
                return types.auth.LoginTokenMigrateTo(4, value)
        return served.function(session, request)

    HANDLERS[request_type] = Handler(send_on, served.needs_login)
    yield
    HANDLERS[request_type] = served
