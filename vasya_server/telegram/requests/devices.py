"""The devices that are logged in to the account, and their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from telethon import functions

from vasya_server.errors import DeviceNotFound, OwnDevice, SessionTooNew, TelegramError
from vasya_server.model.profile import Device
from vasya_server.telegram.cleaning import clean
from vasya_server.telegram.reading import Reading

if TYPE_CHECKING:
    from telethon.tl.tlobject import TLRequest

    from vasya_server.telegram.view import AccountView

_IS_GONE: Final = "HASH_INVALID"
_TOO_NEW: Final = "FRESH_RESET_AUTHORISATION_FORBIDDEN"


async def list_devices(account: AccountView) -> list[Device]:
    """Return what is logged in to the account, this server's session first and then by their latest activity.

    Source: https://core.telegram.org/method/account.getAuthorizations
    """
    answer = await Reading(account).call(functions.account.GetAuthorizationsRequest())
    devices = [_device(each) for each in answer.authorizations]
    return sorted(devices, key=lambda each: (not each.is_current, _last_active(each)))


def _last_active(device: Device) -> float:
    return -device.last_active_at.timestamp() if device.last_active_at else 0.0


def _device(found: Any) -> Device:
    return clean(
        Device(
            hash=str(found.hash),
            app=_words(found.app_name, found.app_version),
            device=found.device_model,
            platform=_words(found.platform, found.system_version),
            country=found.country,
            logged_in_at=found.date_created,
            last_active_at=found.date_active,
            is_current=bool(found.current),
        )
    )


def _words(*parts: str) -> str:
    return " ".join(part for part in parts if part)


async def get_device(account: AccountView, device_hash: str) -> Device:
    """Return the device of that hash.

    Raises:
        DeviceNotFound: None has it.
    """
    for device in await list_devices(account):
        if device.hash == device_hash:
            return device
    raise DeviceNotFound


async def end_device(account: AccountView, device_hash: str) -> None:
    """Log one other device out.

    Raises:
        DeviceNotFound: None has that hash.
        OwnDevice: It is this server's own session.
        SessionTooNew: This server's session may not do it yet.

    Source: https://core.telegram.org/method/account.resetAuthorization
    """
    if (await get_device(account, device_hash)).is_current:
        raise OwnDevice
    request = functions.account.ResetAuthorizationRequest(int(device_hash))
    try:
        await _end(account, request)
    except TelegramError as error:
        if error.rpc_name != _IS_GONE:  # it was there a moment ago
            raise


async def end_other_devices(account: AccountView) -> None:
    """Log out everything but this server.

    Raises:
        SessionTooNew: This server's session may not do it yet.

    Source: https://core.telegram.org/method/auth.resetAuthorizations
    """
    await _end(account, functions.auth.ResetAuthorizationsRequest())


async def _end(account: AccountView, request: TLRequest) -> None:
    try:
        await account.runtime.mutate(request, is_exactly_once=True)
    except TelegramError as error:
        if error.rpc_name == _TOO_NEW:
            raise SessionTooNew from error
        raise
