"""Which messages are Telegram's own, and what is left of one for an agent (D-11.6)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from telethon.tl import types as t

from vasya_server.telegram.convert import to_chat, to_message
from vasya_server.telegram.directory import Directory

AT = datetime(2026, 1, 2, tzinfo=UTC)
ME, ANN, SUPPORT, TELEGRAM = 1, 7, 9, 777000
PEOPLE = [
    t.User(ANN, first_name="Ann", verified=True),
    t.User(SUPPORT, first_name="Support", verified=True, support=True),
]


def a_directory(*, is_agent: bool = True) -> Directory:
    directory = Directory(ME, is_agent=is_agent)
    directory.entities |= {user.id: user for user in PEOPLE}
    return directory


def a_message(**fields: Any) -> Any:
    plain = {"id": 5, "peer_id": t.PeerUser(ANN), "date": AT, "message": "secret"}
    return t.Message(**{**plain, **fields})


def a_forward(**fields: Any) -> Any:
    return t.MessageFwdHeader(AT, **fields)


OWN = [
    pytest.param({"peer_id": t.PeerUser(TELEGRAM)}, id="in the service chat"),
    pytest.param(
        {"peer_id": t.PeerChannel(3), "from_id": t.PeerUser(TELEGRAM)}, id="said elsewhere"
    ),
    pytest.param({"peer_id": t.PeerUser(SUPPORT)}, id="by support"),
    pytest.param({"fwd_from": a_forward(from_id=t.PeerUser(TELEGRAM))}, id="forwarded"),
    pytest.param({"fwd_from": a_forward(from_id=t.PeerUser(SUPPORT))}, id="forwarded from support"),
    pytest.param(
        {"fwd_from": a_forward(from_name="x", saved_from_peer=t.PeerUser(TELEGRAM))},
        id="saved from the chat",
    ),
    pytest.param(
        {"fwd_from": a_forward(from_name="x", saved_from_id=t.PeerUser(TELEGRAM))},
        id="saved with its author",
    ),
    pytest.param(
        {
            "reply_to": t.MessageReplyHeader(
                reply_to_msg_id=2, reply_to_peer_id=t.PeerUser(TELEGRAM), quote_text="secret"
            )
        },
        id="quoted from the chat",
    ),
    pytest.param(
        {
            "reply_to": t.MessageReplyHeader(
                reply_from=a_forward(from_id=t.PeerUser(TELEGRAM)), quote_text="secret"
            )
        },
        id="quoted by its author",
    ),
]


@pytest.mark.parametrize("fields", OWN)
def test_an_agent_is_told_nothing_of_what_it_says(fields: dict[str, Any]) -> None:
    message = a_message(**fields, reply_markup=t.ReplyInlineMarkup([]), via_bot_id=3)
    document = t.Document(1, 2, b"", AT, "secret", 3, 2, [t.DocumentAttributeFilename("secret")])
    message.media = t.MessageMediaDocument(document=document)
    message.entities = [t.MessageEntityTextUrl(0, 3, "secret")]

    told = to_message(message, a_directory())
    chat = to_chat(PEOPLE[0], a_directory(), now=AT, last_message=message)

    for answer in (told, chat):
        assert b"secret" not in msgspec.json.encode(answer)
    assert told.redacted == "service_notification"
    assert (told.id, told.sent_at) == (5, AT)
    assert chat.last_message is not None
    assert chat.last_message.redacted == "service_notification"


@pytest.mark.parametrize("fields", OWN)
def test_a_human_is_told_all_of_it(fields: dict[str, Any]) -> None:
    told = to_message(a_message(**fields), a_directory(is_agent=False))

    assert (told.text, told.redacted) == ("secret", None)


def test_who_asks_is_an_agent_unless_somebody_knows_better() -> None:
    message = a_message(peer_id=t.PeerUser(TELEGRAM))

    assert to_message(message, Directory(ME)).redacted == "service_notification"


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="by somebody verified"),
        pytest.param(
            {"fwd_from": a_forward(from_id=t.PeerUser(ANN))}, id="forwarded from a person"
        ),
        pytest.param({"fwd_from": a_forward(from_name="Telegram")}, id="only called so"),
        pytest.param(
            {"reply_to": t.MessageReplyStoryHeader(t.PeerUser(TELEGRAM), 3)}, id="a story"
        ),
        pytest.param({"reply_to": t.MessageReplyHeader(reply_to_msg_id=2)}, id="a plain answer"),
        pytest.param({"peer_id": t.PeerChannel(TELEGRAM)}, id="a channel of that number"),
    ],
)
def test_everything_else_is_told(fields: dict[str, Any]) -> None:
    assert to_message(a_message(**fields), a_directory()).text == "secret"


def test_what_a_service_message_reports_is_not_told_either() -> None:
    message = t.MessageService(
        5, t.PeerUser(TELEGRAM), AT, action=t.MessageActionCustomAction("secret")
    )

    assert b"secret" not in msgspec.json.encode(to_message(message, a_directory()))


def test_where_a_forward_comes_from_is_told() -> None:
    message = a_message(fwd_from=a_forward(from_id=t.PeerUser(TELEGRAM)))

    assert msgspec.to_builtins(to_message(message, a_directory())) == {
        "id": 5,
        "chatId": ANN,
        "sentAt": "2026-01-02T00:00:00Z",
        "sender": {"id": ANN, "type": "user", "name": "Ann"},
        "forwardedFrom": {"chatId": TELEGRAM, "sentAt": "2026-01-02T00:00:00Z"},
        "redacted": "service_notification",
    }
