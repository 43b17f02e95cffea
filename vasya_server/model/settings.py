"""What an owner sets: the gate, the time zone, keys for services beside Telegram; and the lockdown."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from vasya_server.model.base import Input, Wire

SendGate = Literal["on", "off"]
Pacing = Literal["human", "off"]


class OwnerChat(Wire, frozen=True, kw_only=True):
    """Whether the Saved Messages of an account are the line by which the owner's other devices decide.

    `digestAt` is the time of the daily digest in the owner's time zone; without it there is none.
    """

    is_on: bool = False
    account_id: str | None = None
    digest_at: str | None = None


class OwnerChatPatch(Input, frozen=True, kw_only=True):
    """What is to change of the owner's chat; an absent field stays as it is."""

    is_on: (
        Annotated[
            bool,
            Meta(
                description="Post what waits for approval there, and obey what other devices write."
            ),
        ]
        | UnsetType
    ) = UNSET
    account_id: (
        Annotated[
            str, Meta(min_length=1, max_length=64, description="One of the owner's accounts.")
        ]
        | UnsetType
    ) = UNSET
    digest_at: (
        Annotated[
            str,
            Meta(
                pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$(?!\n)",
                description="HH:MM in the owner's time zone; null: no digest.",
            ),
        ]
        | UnsetType
        | None
    ) = UNSET


class OwnerSettings(Wire, frozen=True, kw_only=True):
    """What holds for every account of the owner.

    `sendGate` is the owner's alone: something is sent where the server's, the owner's and the account's gate are open.
    No agent key has a scope in `disabledScopes`. `takeoverSecs` holds agents' sends to a chat back after the owner wrote there. `ownerChat` is left out where nobody has set it.
    """

    send_gate: SendGate = msgspec.field()
    time_zone: str = msgspec.field()
    takeover_secs: int = 0
    event_retention_secs: int = msgspec.field()
    can_webhooks_carry_content: bool = False
    disabled_scopes: list[str] = msgspec.field(default_factory=list)
    pacing: Pacing = "human"
    owner_chat: OwnerChat | None = None


class OwnerSettingsPatch(Input, frozen=True, kw_only=True):
    """What a human may set; an absent field stays as it is."""

    send_gate: SendGate | UnsetType = UNSET
    time_zone: (
        Annotated[
            str, Meta(min_length=1, max_length=64, description="An IANA name: Europe/Berlin, UTC.")
        ]
        | UnsetType
    ) = UNSET
    takeover_secs: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=86_400,
                description="Seconds for which agents do not send to a chat after the owner wrote there by another device; 0: off.",
            ),
        ]
        | UnsetType
    ) = UNSET
    event_retention_secs: (
        Annotated[
            int,
            Meta(
                ge=3600,
                le=31_536_000,
                description="How long events can be had again; at most as long as the server keeps them.",
            ),
        ]
        | UnsetType
    ) = UNSET
    can_webhooks_carry_content: (
        Annotated[
            bool,
            Meta(description="What was written may leave this host in webhooks, not only ids."),
        ]
        | UnsetType
    ) = UNSET
    disabled_scopes: (
        Annotated[
            tuple[Annotated[str, Meta(max_length=64)], ...],
            Meta(max_length=64, description="Scopes that every agent key is without; all of them."),
        ]
        | UnsetType
    ) = UNSET
    pacing: Pacing | UnsetType = UNSET
    owner_chat: OwnerChatPatch | UnsetType = UNSET


class Lockdown(Wire, frozen=True, kw_only=True):
    """Everything is shut: what was closed, and how many agent keys ended with it, where that could be counted."""

    is_locked_down: bool = msgspec.field()
    send_gate: SendGate = msgspec.field()
    keys_revoked: int | None = None


class Provider(Wire, frozen=True, kw_only=True):
    """A service beside Telegram, and the owner's key for it as far as it is shown: its last four characters."""

    name: str
    is_set: bool = False
    key: str | None = None


class ProviderInput(Input, frozen=True, kw_only=True):
    """The owner's key for a provider, as the provider gave it."""

    key: Annotated[str, Meta(pattern=r"^[!-~]{16,512}$(?!\n)")]
