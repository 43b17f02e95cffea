"""What follows from a request alone: the same for the same intent, whenever and however often it is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vasya_server.idempotency.random_id import random_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.operations.mutation import Intent, Named
    from vasya_server.telegram.peers import ResolvedPeer


def random_ids(
    key: MasterKey, intent: Intent, peer: ResolvedPeer | None, fingerprint: bytes
) -> tuple[int, ...]:
    """Derive the random_id of every part (D-6.8); without an idempotency key this request alone has it."""
    if intent.account is None or peer is None:
        return ()
    # Never the request id: a client may send one of its own, and the same one twice.
    said = intent.idempotency_key or f"auto:{intent.action_id}"
    return tuple(
        random_id(
            key,
            owner=intent.account.owner,
            account=intent.account.id,
            lineage=intent.principal.lineage,
            idempotency_key=said,
            fingerprint=fingerprint,
            peer=peer.key,
            part=part,
        )
        for part in range(intent.parts)
    )


def canonical(intent: Intent, named: Named) -> Mapping[str, str]:
    """Return the path's parameters with account, chat and user as what they stand for: all have many names."""
    path = dict(intent.path)
    if intent.account is not None and "account" in path:
        path["account"] = intent.account.id
    if named.peer is not None:
        path["chat"] = named.peer.key
    if named.person is not None:
        path["user"] = named.person.key
    return path


def undo_secs_of(intent: Intent) -> int:
    """Return for how long what *intent* makes may be taken back; 0: it makes no messages, or nobody asked for it."""
    if not intent.parts:
        return 0
    asked = getattr(intent.body, "undo_secs", None) or 0
    return max(asked, intent.principal.policy.undo_secs or 0)


def is_scheduled(intent: Intent) -> bool:
    """Tell whether *intent* names the moment at which what it makes is sent."""
    return bool(intent.parts) and getattr(intent.body, "schedule_at", None) is not None
