"""Telegram's answers to a send or an edit, in every form that it uses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from telethon.tl import functions
from telethon.tl import types as t

from vasya_server.errors import OutcomeUnknown
from vasya_server.telegram.convert import to_message
from vasya_server.telegram.directory import Directory
from vasya_server.telegram.peers import ResolvedPeer
from vasya_server.telegram.requests.answers import (
    message_in,
    sent_id,
    updates_in,
)
from vasya_server.telegram.short_forms import sent_in_short

AT = datetime(2026, 1, 2, tzinfo=UTC)
BOB = ResolvedPeer(7, t.InputPeerUser(7, 1))
MESSAGE = t.Message(5, t.PeerUser(7), AT, "hi", out=True)


def an_answer(*updates: Any) -> Any:
    return t.Updates(list(updates), [], [], AT, 0)


def test_the_random_id_names_the_message_among_others() -> None:
    other = t.Message(4, t.PeerUser(7), AT, "earlier")
    answer = an_answer(
        t.UpdateNewMessage(other, 1, 1), t.UpdateMessageID(9, 100), t.UpdateMessageID(5, 42)
    )

    assert sent_id(answer, 42) == 5


def test_a_new_message_names_itself() -> None:
    assert sent_id(an_answer(t.UpdateNewChannelMessage(MESSAGE, 1, 1)), 42) == 5


@pytest.mark.parametrize("answer", [an_answer(), t.UpdatesTooLong()])
def test_an_answer_that_names_no_message_leaves_the_outcome_open(answer: Any) -> None:
    with pytest.raises(OutcomeUnknown):
        sent_id(answer, 42)


def test_a_single_update_is_read_like_many() -> None:
    update = t.UpdateEditMessage(MESSAGE, 1, 1)

    assert updates_in(t.UpdateShort(update, AT)) == [update]


def test_only_the_message_of_this_chat_is_taken() -> None:
    elsewhere = t.Message(5, t.PeerChannel(7), AT, "other box, same id")
    answer = an_answer(t.UpdateNewMessage(elsewhere, 1, 1), t.UpdateNewMessage(MESSAGE, 2, 1))

    assert message_in(answer, BOB, 5) is MESSAGE
    assert message_in(an_answer(t.UpdateNewMessage(elsewhere, 1, 1)), BOB, 5) is None


def test_a_short_answer_is_completed_from_the_request() -> None:
    request = functions.messages.SendMessageRequest(
        BOB.input_peer,
        "so bold",
        reply_to=t.InputReplyToMessage(3, quote_text="how?"),
        random_id=42,
    )
    answer = t.UpdateShortSentMessage(
        id=5, pts=1, pts_count=1, date=AT, out=True, entities=[t.MessageEntityBold(3, 4)]
    )

    message = to_message(sent_in_short(answer, request, BOB.peer, 1), Directory(1))

    assert (message.id, message.chat_id, message.text) == (5, 7, "so bold")
    assert message.is_outgoing
    assert message.sent_at == AT
    assert message.sender is not None
    assert message.sender.id == 1
    assert [entity.type for entity in message.entities] == ["bold"]
    assert message.reply_to is not None
    assert (message.reply_to.message_id, message.reply_to.quote) == (3, "how?")


def test_a_short_answer_may_answer_nothing() -> None:
    request = functions.messages.SendMessageRequest(BOB.input_peer, "hi", random_id=42)
    answer = t.UpdateShortSentMessage(id=5, pts=1, pts_count=1, date=AT, out=True)

    message = to_message(sent_in_short(answer, request, BOB.peer, 1), Directory(1))

    assert (message.reply_to, message.entities) == (None, [])
