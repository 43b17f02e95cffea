"""The devices that are logged in to the account."""

from __future__ import annotations

from vasya_server.api.routes import Access, Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.model.profile import Device, DeviceList
from vasya_server.operations import Ready, always, telegram
from vasya_server.telegram.requests import devices

_DEVICES = "/accounts/{account}/devices"
_DEVICE = _DEVICES + "/{hash}"


@read(_DEVICES, Access.HUMAN)
async def list_devices(call: Call) -> DeviceList:
    """List what is logged in to the account: phones, computers, other programs; this server's own session first.

    What a device calls itself is its own words. An agent key answers 403 `human_required`.
    """
    return DeviceList(items=await devices.list_devices(call.account))


@read(_DEVICE, Access.HUMAN)
async def get_device(call: Call) -> Device:
    """Tell of one device, by the `hash` of the list.

    One that is not logged in, or not any more, answers 404 `device_not_found`.
    """
    return await devices.get_device(call.account, call.path["hash"])


@mutation(
    "DELETE",
    _DEVICE,
    Access.HUMAN,
    telegram(Action.DEVICE_END, reduces_risk=always),
    status=204,
)
async def end_device(call: Call, _ready: Ready) -> None:
    """Log one other device out of the account, whatever gates are closed.

    One that is not there answers 404 `device_not_found`, this server's own session 409 `own_device` (`DELETE
    /accounts/{account}` ends that). Telegram lets a session that is younger than a day end no other: 409
    `session_too_new`.
    """
    await devices.end_device(call.account, call.path["hash"])


@mutation(
    "DELETE",
    _DEVICES,
    Access.HUMAN,
    telegram(Action.DEVICES_END, reduces_risk=always),
    status=204,
)
async def end_other_devices(call: Call, _ready: Ready) -> None:
    """Log everything out of the account but this server, the owner's phones too, whatever gates are closed.

    Without another device it is a success. Telegram lets a session that is younger than a day end no other: 409
    `session_too_new`.
    """
    await devices.end_other_devices(call.account)
