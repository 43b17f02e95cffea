"""What was told of a storm, held against what the data centre has."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.processes import Json


@dataclass
class Told:
    """What came of it.

    Args:
        log: Every event behind the beginning.
        expected: Of each chat, what the data centre has now that it did not have before: id and text.
        deleted: Ids, in whichever chat, that it has no more.
        forgotten: Of which chat the data centre has forgotten what it could have told.
    """

    log: list[Json]
    streamed: list[Json]
    polled: list[Json]
    posted: list[Json]
    expected: dict[int, dict[int, str]]
    deleted: set[int]
    own: dict[str, int]
    forgotten: int | None = None
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def messages(self) -> list[Json]:
        return [event for event in self.log if event["type"] == "message.new"]

    def findings(self) -> list[str]:
        """Return everything that is not as it was promised, in words."""
        return [
            *self._about_messages(),
            *self._about_order(),
            *self._about_changes(),
            *self._about_own(),
            *self._about_gaps(),
            *self._about_consumers(),
        ]

    def _about_messages(self) -> Iterator[str]:
        told = Counter((e["chat"]["id"], e["data"]["message"]["id"]) for e in self.messages)
        there = {(chat, each) for chat, found in self.expected.items() for each in found}
        if lost := sorted(there - told.keys()):
            yield f"{len(lost)} messages are lost, as {lost[:5]}"
        if twice := sorted(key for key, count in told.items() if count > 1):
            yield f"{len(twice)} messages are told twice, as {twice[:5]}"
        if made_up := sorted(
            key
            for key in told.keys() - there
            if key[0] in self.expected and key[1] not in self.deleted
        ):
            yield f"{len(made_up)} messages were never sent, as {made_up[:5]}"

    def _about_order(self) -> Iterator[str]:
        seqs = [event["seq"] for event in self.log]
        if seqs != list(range(seqs[0], seqs[0] + len(seqs))):
            yield "seq has gaps or is out of order"
        last: dict[int, int] = {}
        for event in self.messages:
            chat, each = event["chat"]["id"], event["data"]["message"]["id"]
            if each <= last.get(chat, 0):
                yield f"{each} of {chat} is told after {last[chat]}"
            last[chat] = max(each, last.get(chat, 0))

    def _about_changes(self) -> Iterator[str]:
        """Look for a chat that is not, by what was told of it, as it is; what was said to be missing is excused."""
        seen: dict[int, dict[int, str]] = {chat: {} for chat in self.expected}
        for event in self.log:
            chat, data = (event.get("chat") or {}).get("id"), event["data"]
            if chat in seen and "message" in data:
                seen[chat][data["message"]["id"]] = data["message"].get("text", "")
            for each in data.get("messageIds", ()) if event["type"] == "message.deleted" else ():
                for chat_id in [chat] if chat in seen else list(seen):
                    seen[chat_id].pop(each, None)
        for chat, there in self.expected.items():
            if chat != self.forgotten and seen[chat] != there:
                wrong = {
                    key: (seen[chat].get(key), there.get(key))
                    for key in seen[chat].keys() | there.keys()
                    if seen[chat].get(key) != there.get(key)
                }
                some = list(wrong.items())[:3]
                yield f"{len(wrong)} messages of {chat} are not as they were told to be, as {some}"

    def _about_own(self) -> Iterator[str]:
        there = Counter(text for found in self.expected.values() for text in found.values())
        if wrong := [text for text in self.own if there[text] != 1]:
            yield f"{len(wrong)} own messages do not stand there once, as {wrong[:5]}"
        told = {
            e["data"]["message"].get("text"): e
            for e in self.messages
            if e["data"].get("isOutgoing")
        }
        if unlike := [
            text
            for text, each in self.own.items()
            if text not in told or told[text]["data"]["message"]["id"] != each
        ]:
            yield f"{len(unlike)} own messages are not told as they were answered, as {unlike[:5]}"

    def _about_gaps(self) -> Iterator[str]:
        """See that every connection but the first begins with saying what may be lost, unless it was killed before."""
        for event, following in zip(self.log, self.log[1:], strict=False):
            is_connected = (
                event["type"] == "account.status" and event["data"]["status"] == "connected"
            )
            if is_connected and following["type"] not in {"gap", "account.status"}:
                yield f"seq {event['seq']}: connected again, and no gap behind it"
        gaps = [event for event in self.log if event["type"] == "gap"]
        if len(gaps) < self.figures["kills"] // 2:
            yield f"only {len(gaps)} gaps after {self.figures['kills']} kills"
        if self.forgotten is not None and not any(
            (gap.get("chat") or {}).get("id") == self.forgotten for gap in gaps
        ):
            yield "no gap says that the channel's changes were forgotten"

    def _about_consumers(self) -> Iterator[str]:
        for name, events in (("stream", self.streamed), ("poll", self.polled)):
            if events != self.log:
                yield f"the {name} was told {len(events)} events, and not the {len(self.log)} of the log"
        wanted = [event["seq"] for event in self.log if not event["data"].get("isOutgoing")]
        posted = [
            body["data"]["seq"] for body in self.posted if body["data"]["seq"] >= self.log[0]["seq"]
        ]
        if posted != wanted:
            missing, out_of_order = set(wanted) - set(posted), posted != sorted(posted)
            yield f"the webhook misses {len(missing)} of {len(wanted)} events; out of order: {out_of_order}"
