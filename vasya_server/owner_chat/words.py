"""What the gateway says in the owner's chat.

Every message begins with the word, so that agents are kept from all of them, and none is a command: behind the word stands
a colon. What other people wrote is set off from what the gateway says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.model.action import ActionStatus
from vasya_server.model.event import EventType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.auth.key_records import KeyRecord
    from vasya_server.events.record import Draft
    from vasya_server.guards.owner_line import Asked
    from vasya_server.model.preview import Preview, PreviewChat
    from vasya_server.owner_chat.digest import Day

# In UTF-16 units, of the 4,096 that a message may have.
_SHOWN_UNITS: Final = 2500
# Of all that has no line of its own, and in characters of one such value; all of it is looked at by the API.
_MORE_UNITS: Final = 1000
_VALUE_CHARS: Final = 200
_KINDS: Final = {
    "message:send": "send a message",
    "message:edit": "edit a message",
    "message:forward": "forward messages",
    "message:delete": "delete messages",
    "message:react": "react to a message",
    "message:unreact": "take a reaction back",
    "message:pin": "pin a message",
    "message:unpin": "unpin a message",
    "chat:create": "make a chat",
    "chat:join": "join a chat",
    "chat:leave": "leave a chat",
    "chat:delete": "delete a chat",
    "chat:clear": "delete all messages of a chat",
    "chat:photo_set": "change the picture of a chat",
    "chat:photo_delete": "take away the picture of a chat",
    "chat:update": "change a chat",
    "message:vote": "vote in a poll",
    "message:press": "press a button of a bot",
    "scheduled:edit": "change a message that waits for its time",
    "scheduled:delete": "take back a message that waits for its time",
    "scheduled:send": "send a message now that waits for its time",
    "chat:read": "mark a chat as read",
    "chat:typing": "show that you are typing",
    "avatar:set": "change your profile picture",
    "avatar:delete": "take your profile picture away",
    "profile:update": "change your profile",
    "presence:set": "change whether you are shown as online",
    "chat:permit": "set what everybody in a group may do",
    "member:invite": "add people to a chat",
    "member:update": "change how somebody stands in a chat",
    "member:remove": "take somebody out of a chat",
    "invite:create": "make an invite link",
    "invite:update": "change an invite link",
    "invite:revoke": "take an invite link back",
    "member:admit": "decide who is let into a chat",
    "contact:add": "add a contact",
    "contact:delete": "delete a contact",
    "user:block": "block somebody",
    "user:unblock": "unblock somebody",
    "draft:save": "write a draft",
    "draft:clear": "clear a draft",
    "topic:create": "open a topic",
    "topic:update": "change a topic",
    "topic:delete": "delete a topic and all that was said in it",
    "folder:create": "make a folder",
    "folder:update": "change a folder",
    "folder:delete": "delete a folder",
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
    said += _about(preview)
    if preview.text:
        quoted = "\n".join(f"│ {line}" for line in preview.text.splitlines())
        said.append(shown := _cut(quoted))
        if shown != quoted:
            said.append("… and more, which does not fit here: look at it by the API.")
    said += [f"Until {until}:", f"vasya yes {asked.code}", f"vasya no {asked.code}"]
    return "\n".join(said)


def _about(preview: Preview) -> list[str]:
    """Return what the request is about, a line for each."""
    more = preview.target | preview.request
    lines = "\n".join(f"{_line(name)}: {_value(value)}" for name, value in more.items())
    told = {
        "Chat": preview.chat and _name(preview.chat),
        "Person": preview.person and _name(preview.person),
        "From": preview.from_chat and _line(preview.from_chat),
        "Messages": ", ".join(map(str, preview.message_ids[:20])),
        "Files": preview.media_count,
        "Reaction": preview.emoji and _line(preview.emoji),
    }
    said = [f"{name}: {value}" for name, value in told.items() if value]
    said += [_cut(lines, _MORE_UNITS)] if more else []
    return said + (["Nothing was ever said in this chat."] if preview.is_first_contact else [])


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


def _name(chat: PreviewChat) -> str:
    name = f" (@{_line(chat.username)})" if chat.username else ""
    return f"{_line(chat.title) or chat.id}{name}"


def _value(value: object) -> str:
    """Return one value of a request in one line, as short as a line may be."""
    shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return _line(shown)[:_VALUE_CHARS]


def _line(text: str) -> str:
    """Return somebody's words in one line."""
    return " ".join(text.split())


def _cut(text: str, units: int = _SHOWN_UNITS) -> str:
    """Return the beginning of *text* that fits."""
    return text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore")
