"""What a webhook is, and how its row proves that this server wrote it; pure.

The box holds the URL, the filters and the secrets, and is bound to whose the webhook is, whether it is disabled and how
often it was sealed: who can write the database can make no webhook, move none to another owner and enable none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.crypto.derive import Purpose
from vasya_server.crypto.envelope import SealBroken, open_sealed, seal
from vasya_server.delivery.signing import new_secret
from vasya_server.ids import AccountId, OwnerId, WebhookId
from vasya_server.model.event import EventType
from vasya_server.model.webhook import Include
from vasya_server.store import webhooks as rows

if TYPE_CHECKING:
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.store.database import Statement

FIRST: Final = 1
# For so long the secret before the last rotation signs too, so that receivers need not change at one moment (D-10.1).
OLD_SECRET_MS: Final = 86_400_000


class HookConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where a webhook posts, and what; None is no limit."""

    url: str
    types: frozenset[EventType] | None
    account_ids: frozenset[AccountId] | None
    chats: frozenset[int] | None
    include: Include


class HookSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """What it signs with.

    Args:
        made_by: The action that made the current one.
        previous_until_ms: Until when the one before signs as well.
    """

    current: bytes
    made_by: str
    previous: bytes | None = None
    previous_until_ms: int = 0

    def at(self, now_ms: int) -> list[bytes]:
        """Return what signs now."""
        if self.previous is None or now_ms >= self.previous_until_ms:
            return [self.current]
        return [self.current, self.previous]

    def renewed(self, action_id: str, now_ms: int) -> HookSecrets:
        """Return the secrets after a rotation; repeated after a crash, it replaces what nobody was told."""
        if self.made_by == action_id:
            return msgspec.structs.replace(self, current=new_secret())
        return HookSecrets(
            current=new_secret(),
            made_by=action_id,
            previous=self.current,
            previous_until_ms=now_ms + OLD_SECRET_MS,
        )


class _Sealed(msgspec.Struct, frozen=True, array_like=True):
    config: HookConfig
    secrets: HookSecrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A webhook whose row has opened.

    Args:
        lineage: That of the agent key that made it, under which it ends; None: a human's.
        generation: How often it was sealed.
    """

    id: WebhookId
    owner: OwnerId
    lineage: str | None
    is_disabled: bool
    generation: int
    created_at_ms: int
    config: HookConfig = field(repr=False)
    secrets: HookSecrets = field(repr=False)


def open_hook(key: MasterKey, row: rows.WebhookRow) -> Hook | None:
    """Return the webhook that *row* holds, or None where this server did not write it so."""
    is_disabled = bool(row.is_disabled)
    bound = _bound(row.owner_id, row.webhook_id, row.lineage, row.created_at_ms, is_disabled)
    try:
        opened = open_sealed(
            key, Purpose.WEBHOOK, *bound, generation=row.generation, box=row.sealed
        )
        sealed = msgspec.msgpack.decode(opened, type=_Sealed)
    except (SealBroken, msgspec.MsgspecError, OverflowError):
        return None
    return Hook(
        id=WebhookId(row.webhook_id),
        owner=OwnerId(row.owner_id),
        lineage=row.lineage,
        is_disabled=is_disabled,
        generation=row.generation,
        created_at_ms=row.created_at_ms,
        config=sealed.config,
        secrets=sealed.secrets,
    )


def adding(key: MasterKey, hook: Hook, position: int, *, most: int) -> Statement:
    """Return what stores a new webhook, unless its owner has *most* of them."""
    return rows.ADD_WEBHOOK.bind(
        expect=1,
        webhook_id=hook.id,
        owner_id=hook.owner,
        lineage=hook.lineage,
        is_disabled=hook.is_disabled,
        generation=hook.generation,
        created_at_ms=hook.created_at_ms,
        sealed=_box(key, hook),
        position=position,
        most=most,
    )


def resealing(key: MasterKey, hook: Hook) -> Statement:
    """Return what stores a webhook as it is now; it may be done twice."""
    return rows.RESEAL_WEBHOOK.bind(
        webhook_id=hook.id,
        is_disabled=hook.is_disabled,
        generation=hook.generation,
        sealed=_box(key, hook),
    )


def _box(key: MasterKey, hook: Hook) -> bytes:
    bound = _bound(hook.owner, hook.id, hook.lineage, hook.created_at_ms, hook.is_disabled)
    plaintext = msgspec.msgpack.encode(_Sealed(hook.config, hook.secrets))
    return seal(key, Purpose.WEBHOOK, *bound, generation=hook.generation, plaintext=plaintext)


def _bound(
    owner: str,
    hook_id: str,
    lineage: str | None,
    created_at_ms: int,
    is_disabled: bool,  # noqa: FBT001 — a column like the others
) -> tuple[str, ...]:
    whose = "" if lineage is None else f"={lineage}"
    return owner, hook_id, whose, str(created_at_ms), "disabled" if is_disabled else "enabled"
