"""Agent keys: what a human gives an agent, and how a key is told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

import msgspec
from msgspec import UNSET, Meta, UnsetType

from vasya_server.model.base import Input, OptionalInput, ShownOnce, Wire

_MAX_LISTED = 1000

ScopeName = Annotated[str, Meta(max_length=64)]
Reference = Annotated[
    int | str,
    Meta(description="A marked id; for a key of one account also @name, +phone or `me`."),
]
KeyName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        description="What people call it; without control characters and blanks around it.",
    ),
]
AccountIds = Annotated[
    tuple[str, ...],
    Meta(max_length=_MAX_LISTED, description="Absent: every account, present and future."),
]
Ttl = Annotated[int, Meta(ge=1, le=31_536_000, description="Seconds from now.")]
Amount = Annotated[int, Meta(ge=0, le=100_000)]
# Telegram sends at once what is due within seconds.
KeyUndoSecs = Annotated[
    int,
    Meta(
        ge=60,
        le=86_400,
        description="Seconds for which each of its messages waits at Telegram and can be taken back.",
    ),
]
Instant = Annotated[datetime, Meta(tz=True)]
Rule = Literal["never", "first_contact", "outside_write", "always"]
Rules = Annotated[
    dict[ScopeName, Rule],
    Meta(
        max_length=64,
        description=(
            "When a human is asked before a change of a scope is made: `first_contact` where the chat has no message "
            "yet, `outside_write` where it may be read and not written to."
        ),
    ),
]
ApprovalTtl = Annotated[
    int, Meta(ge=60, le=2_592_000, description="How long a question waits for its answer.")
]
APPROVAL_TTL_SECS = 86_400


class ChatHalf(Input, frozen=True, kw_only=True):
    """Chats that may be read, or written to: `ids` and what is in `folders`, without `except`.

    `except` alone is every chat but those; a half that names nothing is refused.
    """

    ids: Annotated[tuple[Reference, ...], Meta(max_length=_MAX_LISTED)] = ()
    folders: Annotated[
        tuple[int, ...],
        Meta(
            max_length=_MAX_LISTED,
            description="Ids of Telegram folders, for a key of exactly one account; they are live.",
        ),
    ] = ()
    excepted: Annotated[tuple[Reference, ...], Meta(max_length=_MAX_LISTED)] = msgspec.field(
        default=(), name="except"
    )


class ChatsInput(Input, frozen=True, kw_only=True):
    """What a key may read and what it may write to; a half that is left out is as the other."""

    read: ChatHalf | None = None
    write: ChatHalf | None = None


class BudgetsInput(Input, frozen=True, kw_only=True):
    """How much a key may send in any 24 hours; what is left out is not limited by them, and 0 is never."""

    sends_per_day: Amount | None = None
    new_chats_per_day: Amount | None = None


class NewKey(Input, frozen=True, kw_only=True):
    """A key to be made: a name, `scopes` or a `preset` or both, and what limits it."""

    name: KeyName
    scopes: Annotated[tuple[ScopeName, ...], Meta(max_length=64)] = ()
    preset: Annotated[
        str | None,
        Meta(description="`chat_reader`, `reader`, `drafter` or `assistant`; never destructive."),
    ] = None
    account_ids: AccountIds | None = None
    chats: Annotated[ChatsInput | None, Meta(description="Absent: every chat.")] = None
    budgets: Annotated[
        BudgetsInput | None,
        Meta(description="Messages and new chats in any 24 hours. Absent: as the limits allow."),
    ] = None
    approval: Rules = msgspec.field(default_factory=dict)
    approval_ttl_secs: ApprovalTtl = APPROVAL_TTL_SECS
    undo_secs: KeyUndoSecs | None = None
    expires_at: Instant | None = None
    ttl_secs: Ttl | None = None


class KeyPatch(Input, frozen=True, kw_only=True):
    """What a human may change about a key; an absent field stays as it is, null takes a limit away."""

    name: KeyName | UnsetType = UNSET
    scopes: Annotated[tuple[ScopeName, ...], Meta(max_length=64)] | UnsetType = UNSET
    account_ids: AccountIds | UnsetType | None = UNSET
    chats: ChatsInput | UnsetType | None = UNSET
    budgets: Annotated[
        BudgetsInput | UnsetType | None,
        Meta(description="Replaces both: what it leaves out is not limited any more."),
    ] = UNSET
    approval: Rules | UnsetType | None = UNSET
    approval_ttl_secs: ApprovalTtl | UnsetType | None = UNSET
    undo_secs: KeyUndoSecs | UnsetType | None = UNSET
    expires_at: Instant | UnsetType | None = UNSET
    ttl_secs: Ttl | UnsetType = UNSET


class Rotation(OptionalInput, frozen=True, kw_only=True):
    """How long the old key goes on beside the new one."""

    grace_secs: Annotated[int, Meta(ge=0, le=86_400, description="0: it ends now.")] = 0


class ChatHalfTold(Wire, frozen=True, kw_only=True):
    """One half of a key's chat lists, resolved."""

    ids: list[int] = msgspec.field(default_factory=list)
    folders: list[int] = msgspec.field(default_factory=list)
    excepted: list[int] = msgspec.field(default_factory=list, name="except")


class ChatsTold(Wire, frozen=True, kw_only=True):
    """What a key may read and what it may write to."""

    read: ChatHalfTold = msgspec.field()
    write: ChatHalfTold = msgspec.field()


class BudgetsTold(Wire, frozen=True, kw_only=True):
    """How much a key may send in any 24 hours: an absent field limits nothing, 0 is never."""

    sends_per_day: int | None = None
    new_chats_per_day: int | None = None


class AgentKey(Wire, frozen=True, kw_only=True):
    """An agent key, without its secret; without `accountIds` it reaches every account, without `chats` every chat."""

    id: str
    name: str = msgspec.field()
    scopes: list[str] = msgspec.field()
    account_ids: list[str] | None = None
    chats: ChatsTold | None = None
    budgets: BudgetsTold | None = None
    approval: dict[str, Rule] = msgspec.field(default_factory=dict)
    approval_ttl_secs: int = APPROVAL_TTL_SECS
    undo_secs: int | None = None
    created_at: datetime = msgspec.field()
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    is_revoked: bool = False


class KeyMade(AgentKey, ShownOnce, frozen=True, kw_only=True):
    """A key that was just made: `secret` is the whole key, and this answer the only place where it ever stands."""

    secret: str | None = None
    secret_shown: bool = False

    def kept(self) -> Self:
        """Return the key without its secret, and that it was shown."""
        return msgspec.structs.replace(self, secret=None, secret_shown=True)

    def __repr__(self) -> str:
        return f"KeyMade({self.id}, …)"


class AgentKeyPage(Wire, frozen=True, kw_only=True):
    """Agent keys, newest first."""

    items: list[AgentKey] = msgspec.field()
    next: str | None = None


class ScopeTold(Wire, frozen=True, kw_only=True):
    """A scope and what it opens; a destructive one is given only by its own name."""

    scope: str = msgspec.field()
    description: str = msgspec.field()
    is_destructive: bool = False


class PresetTold(Wire, frozen=True, kw_only=True):
    """A set of scopes under a name."""

    preset: str = msgspec.field()
    scopes: list[str] = msgspec.field()


class Scopes(Wire, frozen=True, kw_only=True):
    """Every scope and every preset."""

    items: list[ScopeTold] = msgspec.field()
    presets: list[PresetTold] = msgspec.field()
