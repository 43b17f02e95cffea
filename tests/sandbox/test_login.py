from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from telethon import errors, functions, types

from tests.sandbox.refusals import refused

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World


@pytest.mark.parametrize(
    "phone", ["", "+", "12", "+1", "+0996621000", "phone", "+12345678901234567"]
)
async def test_malformed_phone_is_invalid(connect: Connect, phone: str) -> None:
    client = await connect()
    with refused("PHONE_NUMBER_INVALID"):
        await client(functions.auth.SendCodeRequest(phone, 1, "sandbox", types.CodeSettings()))


async def test_missing_application_is_refused(connect: Connect) -> None:
    client = await connect()
    with refused("API_ID_INVALID"):
        await client(functions.auth.SendCodeRequest("+9996621000", 0, "", types.CodeSettings()))


async def test_login_by_code(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada", phone="+9996621000")
    client = await connect()
    sent = await client.send_code_request("+999 66-2 (1000)")
    assert isinstance(sent.type, types.auth.SentCodeTypeSms)
    me = await client.sign_in("+9996621000", "12345")
    assert (me.id, me.is_self, me.phone) == (ada.id, True, "9996621000")


async def test_code_comes_as_a_message_when_another_session_is_there(
    world: World, connect: Connect
) -> None:
    ada = world.add_user("Ada", phone="+9996621000", code="54321")
    first = await connect(ada)
    second = await connect()
    sent = await second.send_code_request("+9996621000")
    assert isinstance(sent.type, types.auth.SentCodeTypeApp)
    (service,) = await first.get_dialogs()
    assert (service.id, service.unread_count, service.entity.verified) == (777000, 1, True)
    assert service.message.message.startswith("Login code: 54321. Do not give this code to anyone")
    assert (await second.sign_in("+9996621000", "54321")).id == ada.id


async def test_wrong_and_empty_codes_are_refused(world: World, connect: Connect) -> None:
    world.add_user("Ada", phone="+9996621000")
    client = await connect()
    sent = await client.send_code_request("+9996621000")
    for code, refusal in (("00000", "PHONE_CODE_INVALID"), ("", "PHONE_CODE_EMPTY")):
        with refused(refusal):
            await client(functions.auth.SignInRequest("+9996621000", sent.phone_code_hash, code))


async def test_the_right_code_is_worth_nothing_after_five_wrong_ones(
    world: World, connect: Connect
) -> None:
    world.add_user("Ada", phone="+9996621000")
    client = await connect()
    await client.send_code_request("+9996621000")
    for _ in range(5):
        with refused("PHONE_CODE_INVALID"):
            await client.sign_in("+9996621000", "00000")
    with refused("PHONE_CODE_EXPIRED"):
        await client.sign_in("+9996621000", "12345")


async def test_code_of_another_number_is_expired(world: World, connect: Connect) -> None:
    world.add_user("Ada", phone="+9996621000")
    client = await connect()
    sent = await client.send_code_request("+9996621000")
    with refused("PHONE_CODE_EXPIRED"):
        await client(functions.auth.SignInRequest("+9996621001", sent.phone_code_hash, "12345"))


async def test_unknown_phone_has_to_sign_up(connect: Connect) -> None:
    client = await connect()
    await client.send_code_request("+9996629999")
    with pytest.raises(errors.PhoneNumberUnoccupiedError):
        await client.sign_in("+9996629999", "12345")


async def test_resending_takes_the_next_way_until_there_is_none(
    world: World, connect: Connect
) -> None:
    world.add_user("Ada", phone="+9996621000")
    client = await connect()
    sent = await client.send_code_request("+9996621000")
    again = functions.auth.ResendCodeRequest("+9996621000", sent.phone_code_hash)
    assert isinstance((await client(again)).type, types.auth.SentCodeTypeCall)
    with refused("SEND_CODE_UNAVAILABLE", 406):
        await client(again)


async def test_cancelled_code_is_expired(world: World, connect: Connect) -> None:
    world.add_user("Ada", phone="+9996621000")
    client = await connect()
    sent = await client.send_code_request("+9996621000")
    assert await client(functions.auth.CancelCodeRequest("+9996621000", sent.phone_code_hash))
    with refused("PHONE_CODE_EXPIRED"):
        await client.sign_in("+9996621000", "12345")


async def test_second_factor_by_srp(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada", phone="+9996621000", password="correct horse")
    client = await connect()
    await client.send_code_request("+9996621000")
    with refused("SESSION_PASSWORD_NEEDED", 401):
        await client.sign_in("+9996621000", "12345")
    assert not await client.is_user_authorized()
    with refused("PASSWORD_HASH_INVALID"):
        await client.sign_in(password="wrong horse")
    assert (await client.sign_in(password="correct horse")).id == ada.id


async def test_challenge_is_good_for_one_answer(world: World, connect: Connect) -> None:
    world.add_user("Ada", phone="+9996621000", password="correct horse")
    client = await connect()
    await client.send_code_request("+9996621000")
    with refused("SESSION_PASSWORD_NEEDED", 401):
        await client.sign_in("+9996621000", "12345")
    asked = await client(functions.account.GetPasswordRequest())
    wrong = types.InputCheckPasswordSRP(asked.srp_id, b"\x05" * 256, b"\x00" * 32)
    with refused("PASSWORD_HASH_INVALID"):
        await client(functions.auth.CheckPasswordRequest(wrong))
    with refused("SRP_ID_INVALID"):
        await client(functions.auth.CheckPasswordRequest(wrong))


async def test_a_public_value_of_zero_opens_nothing(world: World, connect: Connect) -> None:
    world.add_user("Ada", phone="+9996621000", password="correct horse")
    client = await connect()
    await client.send_code_request("+9996621000")
    with refused("SESSION_PASSWORD_NEEDED", 401):
        await client.sign_in("+9996621000", "12345")
    asked = await client(functions.account.GetPasswordRequest())
    zero = types.InputCheckPasswordSRP(asked.srp_id, bytes(256), b"\x00" * 32)
    with refused("PASSWORD_HASH_INVALID"):
        await client(functions.auth.CheckPasswordRequest(zero))


async def test_password_can_be_set_changed_and_removed(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada", phone="+9996621000")
    client = await connect(ada)
    await client.edit_2fa(new_password="first", hint="one")
    asked = await client(functions.account.GetPasswordRequest())
    assert (asked.has_password, asked.hint) == (True, "one")
    await client.edit_2fa("first", "second")
    with refused("PASSWORD_HASH_INVALID"):
        await client.edit_2fa("first", "third")
    await client.edit_2fa("second")
    assert ada.verifier is None


async def test_login_by_qr(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    phone, desktop = await connect(ada), await connect()
    login = await desktop.qr_login()
    waiting = asyncio.create_task(login.wait(5))
    await asyncio.sleep(0.05)
    device = await phone(functions.auth.AcceptLoginTokenRequest(login.token))
    assert device.api_id == 1
    assert (await waiting).id == ada.id


async def test_qr_login_of_an_account_with_a_password_asks_for_it(
    world: World, connect: Connect
) -> None:
    ada = world.add_user("Ada", password="correct horse")
    phone, desktop = await connect(ada), await connect()
    login = await desktop.qr_login()
    await phone(functions.auth.AcceptLoginTokenRequest(login.token))
    with refused("SESSION_PASSWORD_NEEDED", 401):
        await desktop(functions.auth.ExportLoginTokenRequest(1, "sandbox", []))
    assert (await desktop.sign_in(password="correct horse")).id == ada.id


async def test_qr_tokens_are_refused_when_unknown_or_accepted_already(
    world: World, connect: Connect
) -> None:
    phone, desktop = await connect(world.add_user("Ada")), await connect()
    with refused("AUTH_TOKEN_INVALID"):
        await phone(functions.auth.AcceptLoginTokenRequest(b"nothing"))
    login = await desktop.qr_login()
    await phone(functions.auth.AcceptLoginTokenRequest(login.token))
    with refused("AUTH_TOKEN_ALREADY_ACCEPTED"):
        await phone(functions.auth.AcceptLoginTokenRequest(login.token))


async def test_a_qr_login_is_sent_to_the_data_centre_that_keeps_the_account(
    world: World, connect: Connect
) -> None:
    ada = world.add_user("Ada")
    ada.home_dc_id = 4
    phone, desktop, moved = await connect(ada), await connect(), await connect()
    login = await desktop.qr_login()
    await phone(functions.auth.AcceptLoginTokenRequest(login.token))

    sent_on = await desktop(functions.auth.ExportLoginTokenRequest(1, "sandbox", []))
    done = await moved(functions.auth.ImportLoginTokenRequest(sent_on.token))

    assert isinstance(sent_on, types.auth.LoginTokenMigrateTo)
    assert sent_on.dc_id == 4
    assert done.authorization.user.id == ada.id


async def test_import_login_token_completes_an_accepted_one(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    phone, desktop = await connect(ada), await connect()
    login = await desktop.qr_login()
    waiting = await desktop(functions.auth.ImportLoginTokenRequest(login.token))
    assert isinstance(waiting, types.auth.LoginToken)
    await phone(functions.auth.AcceptLoginTokenRequest(login.token))
    done = await desktop(functions.auth.ImportLoginTokenRequest(login.token))
    assert done.authorization.user.id == ada.id


async def test_nobody_is_unregistered(connect: Connect) -> None:
    client = await connect()
    with refused("AUTH_KEY_UNREGISTERED", 401):
        await client(functions.updates.GetStateRequest())


async def test_log_out_forgets_the_user_of_the_key(
    dc: DataCentre, world: World, connect: Connect
) -> None:
    ada = world.add_user("Ada")
    client = await connect(ada)
    assert await client.log_out()
    assert dc.authorizations_of(ada) == []


async def test_devices_are_listed_and_ended(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    here = await connect(ada, device_model="desk")
    there = await connect(ada, device_model="pocket")
    await there.get_me()
    listed = await here(functions.account.GetAuthorizationsRequest())
    assert [(a.device_model, a.current) for a in listed.authorizations] == [
        ("desk", True),
        ("pocket", False),
    ]
    with refused("HASH_INVALID"):
        await here(functions.account.ResetAuthorizationRequest(4711))
    other = listed.authorizations[1].hash
    assert await here(functions.account.ResetAuthorizationRequest(other))
    with refused("AUTH_KEY_UNREGISTERED", 401):
        await there(functions.updates.GetStateRequest())


async def test_reset_authorizations_keeps_only_the_caller(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    here, there = await connect(ada), await connect(ada)
    await there.get_me()
    assert await here(functions.auth.ResetAuthorizationsRequest())
    assert (await here.get_me()).id == ada.id
    with refused("AUTH_KEY_UNREGISTERED", 401):
        await there(functions.updates.GetStateRequest())


async def test_exported_authorization_is_imported_once(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    here, there = await connect(ada), await connect()
    ticket = await here(functions.auth.ExportAuthorizationRequest(4))
    bring = functions.auth.ImportAuthorizationRequest(ticket.id, ticket.bytes)
    assert (await there(bring)).user.id == ada.id
    with refused("AUTH_BYTES_INVALID"):
        await there(bring)
