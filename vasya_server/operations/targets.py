"""What a change is about beside chats and people, by the name that a human knows it by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vasya_server.errors import VasyaError
from vasya_server.telegram.reach import readable
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.folders import folder_title
from vasya_server.telegram.requests.topics import topic_title

if TYPE_CHECKING:
    from vasya_server.operations.conditions import Attempt

# What a preview says in words of its own.
_TOLD: Final = frozenset({"account", "chat", "user", "message"})


async def target_of(attempt: Attempt, *, must_name: bool) -> dict[str, str]:
    """Return what else the path names, with the titles of those that have one and that the one who asks may read.

    Args:
        must_name: Somebody decides by it: where it cannot be read, that is raised.

    Raises:
        VasyaError: It cannot be read, and must be.
    """
    intent = attempt.intent
    named = {name: value for name, value in intent.path.items() if name not in _TOLD}
    if "topic" in intent.query:
        named["topic"] = intent.query["topic"]
    try:
        return named | await _titles(attempt, named)
    except VasyaError:
        if must_name:
            raise
    return named


async def _titles(attempt: Attempt, named: dict[str, str]) -> dict[str, str]:
    reading, peer = Reading(attempt.view), attempt.peer
    reach = await readable(reading)
    found: dict[str, str | None] = {}
    if "folder" in named and (reach.rule is None or int(named["folder"]) in reach.rule.folders):
        found["folderTitle"] = await folder_title(reading, int(named["folder"]))
    if "topic" in named and peer is not None and reach.allows(peer.id):
        found["topicTitle"] = await topic_title(reading, peer, int(named["topic"]))
    return {name: title for name, title in found.items() if title}
