"""The account's own profile and presence, and the devices that are logged in to it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from vasya_server.model.base import Input, Sanitized, Untrusted, Wire


class Profile(Wire, frozen=True, kw_only=True):
    """How the account shows itself to others."""

    id: int
    first_name: Untrusted = ""
    last_name: Untrusted = ""
    username: Untrusted | None = None
    phone: str | None = None
    bio: Untrusted = ""
    is_premium: bool = False
    sanitized: Sanitized | None = None


class ProfilePatch(Input, frozen=True, kw_only=True):
    """What is to change of the profile; an absent field stays as it is."""

    first_name: Annotated[str, Meta(min_length=1, max_length=64)] | UnsetType = UNSET
    last_name: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    bio: (
        Annotated[
            str, Meta(max_length=140, description="70 characters, 140 with Telegram Premium.")
        ]
        | UnsetType
    ) = UNSET
    username: (
        Annotated[
            str,
            Meta(
                pattern=r"^[A-Za-z][A-Za-z0-9_]{3,31}$(?!\n)",
                description="Without @; null takes it away, and somebody else may have it then.",
            ),
        ]
        | UnsetType
        | None
    ) = UNSET


class Presence(Input, frozen=True, kw_only=True):
    """Whether the account is shown as online."""

    is_online: bool


class Device(Wire, frozen=True, kw_only=True):
    """A device, or another program, that is logged in to the account; what it calls itself is its own words.

    `isCurrent` is this server's own session.
    """

    hash: Annotated[str, Meta(description="Decimal.")]
    app: Untrusted = ""
    device: Untrusted = ""
    platform: Untrusted = ""
    country: str = ""
    logged_in_at: datetime | None = None
    last_active_at: datetime | None = None
    is_current: bool = False
    sanitized: Sanitized | None = None


class DeviceList(Wire, frozen=True, kw_only=True):
    """The devices, this server's own first."""

    items: list[Device] = msgspec.field()
