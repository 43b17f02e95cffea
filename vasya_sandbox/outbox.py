"""What a user has scheduled: messages that are not sent yet, under ids of their own."""

from __future__ import annotations

from msgspec import Struct, field

from vasya_sandbox.records import Message


class Waiting(Struct, eq=False, omit_defaults=True):
    """One message that waits; *draft* is what it will be, dated when it is due."""

    id: int
    random_id: int
    draft: Message


class Outbox(Struct, eq=False, omit_defaults=True):
    """All that one user has scheduled; ids count on and never come again."""

    user_id: int
    last_id: int = 0
    waiting: dict[int, Waiting] = field(default_factory=dict)
    # peer id -> random_id -> id; kept for ever.
    given: dict[int, dict[int, int]] = field(default_factory=dict)

    def within(self, peer_id: int) -> list[Waiting]:
        """Return what waits in one chat, the last due first."""
        found = [each for each in self.waiting.values() if each.draft.peer == peer_id]
        return sorted(found, key=lambda each: (-each.draft.at, -each.id))
