"""Webhooks: events posted to an address of the caller's."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from vasya_server.api.paging import page
from vasya_server.api.routes import Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.crypto.cursor import CursorInvalid
from vasya_server.errors import FieldError, ValidationFailed
from vasya_server.model.base import Query
from vasya_server.model.webhook import (
    Delivery,
    DeliveryPage,
    DeliveryStatus,
    NewWebhook,
    Webhook,
    WebhookMade,
    WebhookPage,
    WebhookPatch,
)
from vasya_server.operations import Ready, always, local
from vasya_server.operations.webhooks import (
    create_hook,
    delivery_told,
    own_webhook,
    own_webhooks,
    rotate_hook,
    told,
    update_hook,
)

_NEWEST = (2**62, "")
_WEBHOOK = "/webhooks/{webhook}"


class WebhookQuery(Query, frozen=True, kw_only=True):
    """Which part of the list."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None


class DeliveryQuery(Query, frozen=True, kw_only=True):
    """Which deliveries."""

    status: DeliveryStatus | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None


@read("/webhooks", Scope.WEBHOOKS_WRITE)
async def list_webhooks(call: Call, query: WebhookQuery) -> WebhookPage:
    """List webhooks, newest first, without their secrets: a human sees all of the owner's, an agent key its own.

    A cursor that is not from this list answers 422 `validation_failed`.
    """
    hooks = [each.hook for each in own_webhooks(call.gateway, call.who)]
    items, position = page(call, hooks, query.limit, query.cursor, lambda hook: hook.id)
    return WebhookPage(items=[told(hook) for hook in items], next=position)


@mutation("POST", "/webhooks", Scope.WEBHOOKS_WRITE, local(Action.WEBHOOK_CREATE), status=201)
async def create_webhook(call: Call, ready: Ready, body: NewWebhook) -> WebhookMade:
    """Have events posted to `url` from now on, in order and at least once; `secret` signs them and is shown this once.

    Bodies hold ids alone unless `include` is `content`, which answers 403 `content_not_allowed` until the owner allows it.
    A key's webhook carries what the key may read when it is sent, and ends with the key; without the scope `events:read`
    it answers 403 `scope_required`. A URL of no public https server answers 422 `url_not_allowed`, an empty list 422
    `empty_allowlist`, and one webhook too many 409 `too_many_webhooks`.
    """
    return await create_hook(call.gateway, call.who, ready, body)


@read(_WEBHOOK, Scope.WEBHOOKS_WRITE)
async def get_webhook(call: Call) -> Webhook:
    """Tell where a webhook posts, what, and whether it is disabled; its secret is nowhere.

    A webhook that is not yours and one that does not exist answer the same 403 `access_denied`.
    """
    return told(own_webhook(call.gateway, call.who, call.path["webhook"]).hook)


@mutation(
    "PATCH",
    _WEBHOOK,
    Scope.WEBHOOKS_WRITE,
    local(Action.WEBHOOK_UPDATE, reduces_risk=lambda body: body.is_disabled is True),
)
async def update_webhook(call: Call, _ready: Ready, body: WebhookPatch) -> Webhook:
    """Change a webhook, or disable and enable it; only the fields that are sent change, and null takes a limit away.

    After `isDisabled: true` is answered nothing more is posted. Enabled again, it goes on behind the last event that it
    delivered, and what failed is tried at once; what was forgotten meanwhile is told of by one event `gap`. One whose
    key has ended answers 409 `key_ended`; faults in the fields answer as for a new webhook.
    """
    return await update_hook(call.gateway, call.who, call.path["webhook"], body)


@mutation(
    "DELETE",
    _WEBHOOK,
    Scope.WEBHOOKS_WRITE,
    local(Action.WEBHOOK_DELETE, reduces_risk=always),
    status=204,
)
async def delete_webhook(call: Call, _ready: Ready) -> None:
    """Delete a webhook and its deliveries: after the answer nothing more is posted to it.

    It works with a full disk, too. A webhook that is not yours and one that is not there (any more) answer 403
    `access_denied`.
    """
    sender = own_webhook(call.gateway, call.who, call.path["webhook"])
    await call.gateway.webhooks.delete(sender)


@mutation("POST", _WEBHOOK + "/test", Scope.WEBHOOKS_WRITE, local(Action.WEBHOOK_TEST))
async def test_webhook(call: Call, ready: Ready) -> Delivery:
    """Post one event `webhook.test` now, once, and tell what came of it: `status` is `delivered` or `failed`.

    A receiver that refuses or does not answer is a finding and no error: `responseStatus` or `reason` says what it was.
    The key of a webhook having ended answers 409 `key_ended`.
    """
    sender = own_webhook(call.gateway, call.who, call.path["webhook"])
    return delivery_told(await call.gateway.webhooks.test(sender, ready.action_id))


@mutation("POST", _WEBHOOK + "/rotate", Scope.WEBHOOKS_WRITE, local(Action.WEBHOOK_ROTATE))
async def rotate_webhook(call: Call, ready: Ready) -> WebhookMade:
    """Replace the secret of a webhook; the new one is in this answer alone.

    For 24 hours both secrets sign every delivery, so that the receiver can change in between; a second rotation within
    them ends the oldest at once. A webhook that is not yours answers 403 `access_denied`.
    """
    return await rotate_hook(call.gateway, call.who, ready, call.path["webhook"])


@read(_WEBHOOK + "/deliveries", Scope.WEBHOOKS_WRITE)
async def list_webhook_deliveries(call: Call, query: DeliveryQuery) -> DeliveryPage:
    """List what became of the events at a webhook, newest first: `pending` ones are tried again at `nextAttemptAt`.

    Delivered ones are kept for 7 days and at most 1,000, dead ones, which were given up, for 30 days. A cursor that is not
    from this list answers 422 `validation_failed`.
    """
    hook = own_webhook(call.gateway, call.who, call.path["webhook"]).hook
    filters = msgspec.msgpack.encode((hook.id, query.status))
    cursors, route = call.gateway.cursors, call.operation.name
    before: tuple[int, str] = _NEWEST
    if query.cursor is not None:
        try:
            before = cursors.read(
                hook.owner, "", route, query.cursor, tuple[int, str], filters=filters
            )
        except CursorInvalid as error:
            raise ValidationFailed(FieldError("?cursor", "invalid")) from error
    found = await call.gateway.webhooks.deliveries(hook, query.status, before, query.limit + 1)
    shown = found[: query.limit]
    position = None
    if len(found) > query.limit:
        last = (shown[-1].created_at_ms, shown[-1].delivery_id)
        position = cursors.write(hook.owner, "", route, last, filters=filters)
    return DeliveryPage(items=[delivery_told(row) for row in shown], next=position)


@mutation(
    "POST",
    _WEBHOOK + "/deliveries/{delivery}/retry",
    Scope.WEBHOOKS_WRITE,
    local(Action.WEBHOOK_RETRY),
)
async def retry_webhook_delivery(call: Call, _ready: Ready) -> Delivery:
    """Post the event of a delivery again, now and with the same `webhook-id`, whatever became of it before.

    The answer tells what came of it. An event that the log does not hold any more, that this webhook may not be told of
    any more, or that was a test answers 410 `event_gone`; a delivery that is not this webhook's 403 `access_denied`.
    """
    sender = own_webhook(call.gateway, call.who, call.path["webhook"])
    return delivery_told(await call.gateway.webhooks.retry(sender, call.path["delivery"]))
