"""What people and agents do to webhooks; a key has its own and sees no other (D-10.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from msgspec import UNSET

from vasya_server.auth.scopes import Scope
from vasya_server.clock import from_ms, to_ms
from vasya_server.delivery.hooks import FIRST, Hook, HookConfig, HookSecrets
from vasya_server.delivery.signing import new_secret, written
from vasya_server.errors import (
    AccessDenied,
    ContentNotAllowed,
    EmptyAllowlist,
    FieldError,
    HumanRequired,
    ScopeRequired,
    ValidationFailed,
)
from vasya_server.ids import webhook_id_of
from vasya_server.model.webhook import Delivery, DeliveryStatus, Webhook, WebhookMade
from vasya_server.operations.grants import checked_accounts

if TYPE_CHECKING:
    from collections.abc import Collection

    from vasya_server.auth.principal import Principal
    from vasya_server.delivery.sender import Sender
    from vasya_server.gateway import Gateway
    from vasya_server.ids import AccountId
    from vasya_server.model.webhook import Include, NewWebhook, WebhookPatch
    from vasya_server.operations.mutation import Ready
    from vasya_server.store.webhooks import DeliveryRow

T = TypeVar("T")
_MAX_ID: Final = 2**53


def own_webhooks(gateway: Gateway, who: Principal) -> list[Sender]:
    """Return the webhooks that *who* sees, newest first: a human all of the owner's, a key its own."""
    return [each for each in gateway.webhooks.of(who.owner) if _is_own(each.hook, who)]


def own_webhook(gateway: Gateway, who: Principal, hook_id: str) -> Sender:
    """Return one of them.

    Raises:
        AccessDenied: It is somebody else's, or there is none: not told apart (D-5.1).
    """
    sender = gateway.webhooks.get(who.owner, hook_id)
    if not _is_own(sender.hook, who):
        raise AccessDenied
    return sender


async def create_hook(
    gateway: Gateway, who: Principal, ready: Ready, body: NewWebhook
) -> WebhookMade:
    """Make a webhook; repeated after a crash, the same one with another secret."""
    webhooks, hook_id = gateway.webhooks, webhook_id_of(ready.action_id)
    if ready.is_redrive and any(each.hook.id == hook_id for each in own_webhooks(gateway, who)):
        return await rotate_hook(gateway, who, ready, hook_id)
    if not who.is_human and who.key_id is None:
        raise HumanRequired  # a narrowed token ends, and nothing would end what it had set up
    if Scope.EVENTS_READ not in who.scopes:
        raise ScopeRequired(Scope.EVENTS_READ.value)
    hook = Hook(
        id=hook_id,
        owner=who.owner,
        lineage=None if who.key_id is None else who.lineage,
        is_disabled=False,
        generation=FIRST,
        created_at_ms=to_ms(gateway.clock.now()),
        config=HookConfig(
            url=gateway.outbound.check(body.url),
            types=_checked_list(body.types, "/types"),
            account_ids=_checked_accounts(gateway, who, body.account_ids),
            chats=_checked_chats(body.chats),
            include=_checked_include(gateway, who, body.include),
        ),
        secrets=HookSecrets(current=new_secret(), made_by=ready.action_id),
    )
    await webhooks.create(hook)
    return _made(hook)


async def update_hook(
    gateway: Gateway, who: Principal, hook_id: str, patch: WebhookPatch
) -> Webhook:
    """Change what is given and leave the rest; to disable takes effect before anything else, and whatever the disk says."""
    sender = own_webhook(gateway, who, hook_id)
    config = _patched(gateway, who, sender.hook.config, patch)
    changes: dict[str, Any] = {} if config == sender.hook.config else {"config": config}
    if patch.is_disabled is True:
        await gateway.webhooks.disable(sender)
    elif patch.is_disabled is False and sender.hook.is_disabled:
        await sender.require_key()
        changes["is_disabled"] = False
    if changes:
        await gateway.webhooks.change(sender, **changes)
    return told(sender.hook)


async def rotate_hook(gateway: Gateway, who: Principal, ready: Ready, hook_id: str) -> WebhookMade:
    """Give a webhook another secret; the one before it signs beside it for a day."""
    sender = own_webhook(gateway, who, hook_id)
    now_ms = to_ms(gateway.clock.now())
    secrets = sender.hook.secrets.renewed(ready.action_id, now_ms)
    return _made(await gateway.webhooks.change(sender, secrets=secrets))


def told(hook: Hook) -> Webhook:
    """Return a webhook as its owner sees it."""
    return Webhook(**_fields(hook))


def delivery_told(row: DeliveryRow) -> Delivery:
    """Return a delivery as its owner sees it."""
    due_ms = row.next_attempt_at_ms
    return Delivery(
        id=row.delivery_id,
        event_id=row.event_id,
        type=row.type,
        status=DeliveryStatus(row.status),
        attempts=row.attempts,
        next_attempt_at=None if due_ms is None else from_ms(due_ms),
        response_status=row.response_status,
        reason=row.reason,
        created_at=from_ms(row.created_at_ms),
        updated_at=from_ms(row.updated_at_ms),
    )


def _is_own(hook: Hook, who: Principal) -> bool:
    return who.is_human or (who.key_id is not None and hook.lineage == who.lineage)


def _made(hook: Hook) -> WebhookMade:
    return WebhookMade(**_fields(hook), secret=written(hook.secrets.current))


def _fields(hook: Hook) -> dict[str, Any]:
    config = hook.config
    return {
        "id": hook.id,
        "url": config.url,
        "types": None if config.types is None else sorted(config.types),
        "account_ids": None if config.account_ids is None else sorted(config.account_ids),
        "chats": None if config.chats is None else sorted(config.chats),
        "include": config.include,
        "is_disabled": hook.is_disabled,
        "key_id": hook.lineage,
        "created_at": from_ms(hook.created_at_ms),
    }


def _patched(gateway: Gateway, who: Principal, old: HookConfig, patch: WebhookPatch) -> HookConfig:
    given: dict[str, Any] = {}
    if patch.url is not UNSET:
        given["url"] = gateway.outbound.check(patch.url)
    if patch.types is not UNSET:
        given["types"] = _checked_list(patch.types, "/types")
    if patch.account_ids is not UNSET:
        had = old.account_ids
        given["account_ids"] = _checked_accounts(gateway, who, patch.account_ids, had)
    if patch.chats is not UNSET:
        given["chats"] = _checked_chats(patch.chats)
    if patch.include is not UNSET:
        given["include"] = _checked_include(gateway, who, patch.include)
    return msgspec.structs.replace(old, **given)


def _checked_accounts(
    gateway: Gateway,
    who: Principal,
    ids: Collection[str] | None,
    had: frozenset[AccountId] | None = None,
) -> frozenset[AccountId] | None:
    """Return the accounts that are named, each within the reach of *who*; what is beyond is refused as what is not there."""
    if ids is not None and who.account_ids is not None:
        beyond = [i for i, each in enumerate(ids) if each not in who.account_ids]
        if beyond:
            raise ValidationFailed(*(FieldError(f"/accountIds/{i}", "unknown") for i in beyond))
    return checked_accounts(gateway.accounts, who.owner, ids, had)


def _checked_chats(ids: Collection[int] | None) -> frozenset[int] | None:
    beyond = [i for i, each in enumerate(ids or ()) if not 0 < abs(each) < _MAX_ID]
    if beyond:
        raise ValidationFailed(*(FieldError(f"/chats/{i}", "out_of_range") for i in beyond))
    return _checked_list(ids, "/chats")


def _checked_list(items: Collection[T] | None, pointer: str) -> frozenset[T] | None:
    """Return a list that limits something; an empty one would be taken for none (D-5.5)."""
    if items is None:
        return None
    if not items:
        raise EmptyAllowlist(FieldError(pointer, "empty"))
    return frozenset(items)


def _checked_include(gateway: Gateway, who: Principal, include: Include) -> Include:
    if (
        include == "content"
        and not gateway.owner_settings.held(who.owner).can_webhooks_carry_content
    ):
        raise ContentNotAllowed
    return include
