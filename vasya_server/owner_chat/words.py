"""What the gateway says in the owner's chat.

Every message begins with the word, so that agents are kept from all of them, and none is a command: behind the word stands
a colon. What other people wrote is set off from what the gateway says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vasya_server.model.action import ActionStatus
from vasya_server.model.event import EventType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.auth.key_records import KeyRecord
    from vasya_server.events.record import Draft
    from vasya_server.guards.owner_line import Asked
    from vasya_server.model.preview import Preview
    from vasya_server.owner_chat.digest import Day

# In UTF-16 units, of the 4,096 that a message may have.
_SHOWN_UNITS: Final = 2500
_KINDS: Final = {
    "message:send": "send a message",
    "message:edit": "edit a message",
    "message:forward": "forward messages",
    "message:delete": "delete messages",
    "message:react": "react to a message",
    "message:unreact": "take a reaction back",
    "message:pin": "pin a message",
    "message:unpin": "unpin a message",
    "chat:read": "mark a chat as read",
    "chat:typing": "show that you are typing",
}
_ENDS: Final = {
    ActionStatus.AWAITING_APPROVAL: "still waits",
    ActionStatus.STARTED: "is agreed to and not done yet",
    ActionStatus.DISPATCHED: "is being done",
    ActionStatus.SCHEDULED: "is agreed to and waits at Telegram, where it can be taken back",
    ActionStatus.DONE: "is done",
    ActionStatus.FAILED: "was agreed to, and Telegram refused it",
    ActionStatus.ABORTED: "was agreed to and could not be done",
    ActionStatus.UNKNOWN: "was agreed to, and it is not known whether it was done",
    ActionStatus.REJECTED: "is refused, and will not be done",
    ActionStatus.EXPIRED: "was not answered in time, and will not be done",
    ActionStatus.CANCELLED: "is cancelled, and will not be done",
}


def title_of(name: str, preview: Preview) -> str:
    """Return who asks for what, in a line."""
    return f"“{_line(name)}” wants to {_KINDS.get(preview.kind, preview.kind)}"


def request(asked: Asked, preview: Preview, until: str) -> str:
    """Return what is asked, and how it is answered."""
    said = [f"Vasya: {asked.title}."]
    if preview.chat is not None:
        name = f" (@{_line(preview.chat.username)})" if preview.chat.username else ""
        said.append(f"Chat: {_line(preview.chat.title) or preview.chat.id}{name}")
    if preview.from_chat is not None:
        said.append(f"From: {_line(preview.from_chat)}")
    if preview.message_ids:
        said.append(f"Messages: {', '.join(map(str, preview.message_ids[:20]))}")
    if preview.media_count:
        said.append(f"Files: {preview.media_count}")
    if preview.emoji:
        said.append(f"Reaction: {_line(preview.emoji)}")
    if preview.is_first_contact:
        said.append("Nothing was ever said in this chat.")
    if preview.text:
        quoted = "\n".join(f"│ {line}" for line in preview.text.splitlines())
        said.append(shown := _cut(quoted))
        if shown != quoted:
            said.append("… and more, which does not fit here: look at it by the API.")
    said += [f"Until {until}:", f"vasya yes {asked.code}", f"vasya no {asked.code}"]
    return "\n".join(said)


def ended(title: str, status: ActionStatus) -> str:
    """Return how a request stands."""
    return f"Vasya: {title}: that {_ENDS[status]}."


def keys(records: Sequence[KeyRecord]) -> str:
    """Return the keys that open something."""
    if not records:
        return "Vasya: no agent key opens anything."
    shown = [
        f"• {_line(record.grant.name)} ({record.id}): {len(record.grant.known_scopes)} scopes"
        for record in records[:50]
    ]
    return "\n".join(
        ["Vasya: these keys are in use. End one with: vasya revoke <name>", _cut("\n".join(shown))]
    )


def status(*, can_send: bool, key_count: int, waiting: int) -> str:
    """Return how everything stands."""
    gate = "open" if can_send else "closed"
    return f"Vasya: the send gate is {gate}, keys in use: {key_count}, waiting for you: {waiting}."


def alarm(draft: Draft, key_name: str | None) -> str | None:
    """Return what has to be known of an event; None: nothing."""
    named = f"“{_line(key_name)}”" if key_name else "an agent key"
    match draft.type:
        case EventType.BUDGET_EXHAUSTED:
            return f"Vasya: the budget of {named} is used up."
        case EventType.ACCOUNT_LIMITED:
            restriction = draft.data.restriction
            what = restriction.cause if restriction else None
            return f"Vasya: {what or 'Telegram has limited an account.'}"
        case EventType.KEY_NEW_ADDRESS:
            return (
                f"Vasya: {named} was used from an address that it never came from. "
                "Was that not you: vasya revoke <name>, or vasya lock."
            )
    return None


def digest(day: Day) -> str:
    """Return what happened in a day."""
    return (
        f"Vasya: your day. Messages that agents sent: {day.sent}, refused: {day.refused}, "
        f"waiting for you: {day.waiting}, floods: {day.floods}."
    )


def _line(text: str) -> str:
    """Return somebody's words in one line."""
    return " ".join(text.split())


def _cut(text: str) -> str:
    """Return the beginning of *text* that fits."""
    return text.encode("utf-16-le")[: 2 * _SHOWN_UNITS].decode("utf-16-le", "ignore")
