"""Telegram's objects as the API's shapes, over every constructor of the schema."""

from __future__ import annotations

import inspect
import re
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
import pytest
from telethon.tl import types as t

from vasya_server.model.chat import ChatType
from vasya_server.model.message import PollOption, PollState
from vasya_server.telegram.convert import (
    can_send,
    from_entity,
    to_candidate,
    to_chat,
    to_entity,
    to_message,
    to_messages,
)
from vasya_server.telegram.directory import (
    Directory,
    entity_id,
    entity_title,
    entity_type,
    entity_username,
    input_peer,
    marked_id,
)
from vasya_server.telegram.media import to_media

AT = datetime(2026, 1, 2, tzinfo=UTC)
EPOCH = datetime.fromtimestamp(0, UTC)
ME, ANN = 1, 7
ENTITY_TYPES = {
    "bank_card", "blockquote", "bold", "bot_command", "cashtag", "code", "custom_emoji", "diff_delete",
    "diff_insert", "diff_replace", "email", "expandable_blockquote", "formatted_date", "hashtag", "italic", "mention", "phone_number",
    "pre", "spoiler", "strikethrough", "text_link", "text_mention", "underline", "unknown", "url",
}  # fmt: skip
MEDIA_TYPES = {
    "audio", "contact", "dice", "document", "game", "gif", "giveaway", "giveaway_results", "invoice", "link",
    "location", "paid_media", "photo", "poll", "sticker", "story", "to_do", "unsupported", "video",
    "video_note", "video_stream", "voice",
}  # fmt: skip
ACTION_TYPES = {
    "boost_apply", "bot_allowed", "change_community", "change_creator", "channel_create",
    "channel_migrate_from", "chat_add_user", "chat_create", "chat_delete_photo", "chat_delete_user",
    "chat_edit_photo", "chat_edit_title", "chat_joined_by_link", "chat_joined_by_request",
    "chat_joined_via_community", "chat_migrate_to", "conference_call", "contact_sign_up", "custom_action",
    "empty", "game_score", "geo_proximity_reached", "gift_code", "gift_premium", "gift_stars", "gift_ton",
    "giveaway_launch", "giveaway_results", "group_call", "group_call_scheduled", "history_clear",
    "invite_to_group_call", "managed_bot_created", "new_creator_pending", "no_forwards_request",
    "no_forwards_toggle", "paid_messages_price", "paid_messages_refunded", "payment_refunded", "payment_sent",
    "payment_sent_me", "phone_call", "pin_message", "poll_append_answer", "poll_delete_answer", "prize_stars",
    "requested_peer", "requested_peer_sent_me", "screenshot_taken", "secure_values_sent",
    "secure_values_sent_me", "set_chat_theme", "set_chat_wall_paper", "set_messages_ttl", "star_gift",
    "star_gift_purchase_offer", "star_gift_purchase_offer_declined", "star_gift_unique", "suggest_birthday",
    "suggest_profile_photo", "suggested_post_approval", "suggested_post_refund", "suggested_post_success",
    "todo_append_tasks", "todo_completions", "topic_create", "topic_edit", "web_view_data_sent",
    "web_view_data_sent_me",
}  # fmt: skip


def constructors(abstract: str) -> list[type]:
    """Return the constructors of an abstract type of the schema."""
    scopes = [t, *(part for part in vars(t).values() if inspect.ismodule(part))]
    # Where a type has but one constructor, Telethon names no union.
    names = (f"Type{abstract}", abstract)
    union = next(vars(scope)[name] for scope in scopes for name in names if name in vars(scope))
    return list(get_args(union)) or [union]


def example(constructor: type, *, is_full: bool, depth: int = 0) -> Any:
    """Make an object of *constructor*: with every field set, or only those that must be."""
    parameters = inspect.signature(constructor).parameters
    return constructor(
        **{
            name: value(str(parameter.annotation), is_full=is_full, depth=depth)
            for name, parameter in parameters.items()
            if parameter.kind is not inspect.Parameter.VAR_POSITIONAL
            and parameter.kind is not inspect.Parameter.VAR_KEYWORD
            and (is_full or parameter.default is inspect.Parameter.empty)
        }
    )


_PLAIN = {"datetime": AT, "float": 1.5, "bytes": b"b", "bool": True, "str": "text", "int": 3}


def value(annotation: str, *, is_full: bool, depth: int) -> Any:
    if (abstract := re.search(r"Type(\w+)", annotation)) is None:
        made: Any = next(plain for word, plain in _PLAIN.items() if word in annotation)
    else:
        options = constructors(abstract[1])
        fitting = [option for option in options if not option.__name__.endswith("Empty")]
        made = example((fitting or options)[0], is_full=is_full and depth < 3, depth=depth + 1)
    return [made] if "List[" in annotation else made


def both(abstract: str) -> list[Any]:
    """Return two objects of every constructor: the bare one and the one with everything."""
    return [
        pytest.param(
            example(made, is_full=is_full), id=f"{made.__name__}-{'full' if is_full else 'bare'}"
        )
        for made in constructors(abstract)
        for is_full in (False, True)
    ]


def a_message(**fields: Any) -> Any:
    return t.Message(**{"id": 5, "peer_id": t.PeerUser(ANN), "date": AT, "message": "hi", **fields})


def a_user(user_id: int = ANN, **fields: Any) -> Any:
    return t.User(user_id, **{"first_name": "Ann", "access_hash": 9, **fields})


def converted(message: Any, *entities: Any) -> dict[str, Any]:
    directory = Directory(ME)
    directory.entities = {entity_id(entity): entity for entity in entities}
    answer: dict[str, Any] = msgspec.to_builtins(to_message(message, directory))
    return answer


@pytest.mark.parametrize("media", both("MessageMedia"))
def test_every_medium_has_a_documented_type(media: Any) -> None:
    shown = to_media(media)

    kind = None if shown is None else shown.type
    assert kind in MEDIA_TYPES or isinstance(media, t.MessageMediaEmpty)


@pytest.mark.parametrize("action", both("MessageAction"))
def test_every_action_has_a_documented_type(action: Any) -> None:
    shown = converted(t.MessageService(5, t.PeerUser(ANN), AT, action=action))

    assert shown["action"]["type"] in ACTION_TYPES


@pytest.mark.parametrize("entity", both("MessageEntity"))
def test_every_text_entity_has_a_documented_type(entity: Any) -> None:
    if not isinstance(entity, t.InputMessageEntityMentionName):  # is only ever sent
        assert to_entity(entity).type in ENTITY_TYPES


@pytest.mark.parametrize("media", both("MessageMedia"))
def test_every_medium_is_an_answer_in_json(media: Any) -> None:
    assert msgspec.json.encode(to_message(a_message(media=media), Directory(ME)))


@pytest.mark.parametrize("peer", both("Peer"))
def test_every_peer_can_be_a_sender(peer: Any) -> None:
    assert converted(a_message(from_id=peer))["sender"]["id"] == marked_id(peer)


@pytest.mark.parametrize("entity", [*both("User"), *both("Chat")])
def test_every_user_and_chat_is_a_chat(entity: Any) -> None:
    assert to_chat(entity, Directory(ME), now=AT).id == entity_id(entity)
    assert to_candidate(entity).type == entity_type(entity)
    assert isinstance(entity_title(entity), str)


@pytest.mark.parametrize("markup", both("ReplyMarkup"))
def test_only_inline_buttons_are_buttons(markup: Any) -> None:
    shown = converted(a_message(reply_markup=markup))

    assert ("buttons" in shown) is isinstance(markup, t.ReplyInlineMarkup)


@pytest.mark.parametrize("header", both("MessageReplyHeader"))
def test_every_reply_header_is_read(header: Any) -> None:
    assert converted(a_message(reply_to=header))["id"] == 5


@pytest.mark.parametrize("reaction", both("Reaction"))
def test_every_reaction_has_a_name_but_none(reaction: Any) -> None:
    reactions = t.MessageReactions([t.ReactionCount(reaction, 2)])
    names = {"ReactionEmoji": "text", "ReactionCustomEmoji": "custom:3", "ReactionPaid": "⭐"}
    name = names.get(type(reaction).__name__)

    shown = converted(a_message(reactions=reactions)).get("reactions")

    assert shown == (None if name is None else [{"emoji": name, "count": 2}])


@pytest.mark.parametrize("block", both("PageBlock"))
def test_every_rich_message_has_its_words(block: Any) -> None:
    message = a_message(message="", rich_message=t.RichMessage([block], [], []))

    assert isinstance(converted(message).get("text", ""), str)


def test_the_words_of_a_rich_message_are_its_text() -> None:
    bold = t.TextConcat([t.TextPlain("Hello "), t.TextBold(t.TextPlain("you"))])
    blocks = [t.PageBlockTitle(t.TextPlain("News")), t.PageBlockParagraph(bold)]

    shown = converted(a_message(message="", rich_message=t.RichMessage(blocks, [], [])))

    assert shown["text"] == "News\nHello you"


def test_a_plain_message_says_nothing_that_it_has_not() -> None:
    assert converted(a_message(), a_user(username="ann")) == {
        "id": 5,
        "chatId": 7,
        "sentAt": "2026-01-02T00:00:00Z",
        "sender": {"id": 7, "type": "user", "name": "Ann", "username": "ann"},
        "text": "hi",
    }


def test_an_own_message_is_from_oneself() -> None:
    shown = converted(a_message(out=True), a_user(ME, first_name="Me"))

    assert shown["isOutgoing"] is True
    assert shown["sender"]["id"] == ME


def test_a_note_to_oneself_is_outgoing() -> None:
    assert converted(a_message(peer_id=t.PeerUser(ME)))["isOutgoing"] is True


def test_a_channel_post_is_from_the_channel() -> None:
    channel = t.Channel(5, "News", t.ChatPhotoEmpty(), AT, broadcast=True, access_hash=1)

    shown = converted(a_message(peer_id=t.PeerChannel(5), post=True), channel)

    assert shown["sender"] == {"id": -1_000_000_000_005, "type": "channel", "name": "News"}


def test_ids_are_in_the_marked_form() -> None:
    peers = [t.PeerUser(12), t.PeerChat(12), t.PeerChannel(12)]

    assert [marked_id(peer) for peer in peers] == [12, -12, -1_000_000_000_012]


def test_a_marked_id_becomes_an_input_peer() -> None:
    assert input_peer(12, 3) == t.InputPeerUser(12, 3)
    assert input_peer(-12, 3) == t.InputPeerChat(12)
    assert input_peer(-1_000_000_000_012, 3) == t.InputPeerChannel(12, 3)


def test_deleted_messages_leave_no_place() -> None:
    messages = [a_message(), t.MessageEmpty(6, None)]

    assert [message.id for message in to_messages(messages, Directory(ME))] == [5]


def test_an_album_id_is_a_decimal_string() -> None:
    assert converted(a_message(grouped_id=2**62))["groupedId"] == "4611686018427387904"


def test_an_edit_that_is_hidden_is_none() -> None:
    assert "editedAt" not in converted(a_message(edit_date=AT, edit_hide=True))
    assert "editedAt" not in converted(a_message(edit_date=EPOCH))
    assert converted(a_message(edit_date=AT))["editedAt"] == "2026-01-02T00:00:00Z"


def test_a_reply_names_message_chat_and_quote() -> None:
    header = t.MessageReplyHeader(
        reply_to_msg_id=3, reply_to_peer_id=t.PeerUser(8), quote=True, quote_text="so"
    )

    assert converted(a_message(reply_to=header))["replyTo"] == {
        "messageId": 3,
        "chatId": 8,
        "quote": "so",
    }


def test_a_message_of_a_topic_answers_nothing() -> None:
    shown = converted(a_message(reply_to=t.MessageReplyHeader(forum_topic=True, reply_to_msg_id=3)))

    assert shown["topicId"] == 3
    assert "replyTo" not in shown


def test_a_reply_inside_a_topic_has_both() -> None:
    header = t.MessageReplyHeader(forum_topic=True, reply_to_msg_id=9, reply_to_top_id=3)
    shown = converted(a_message(reply_to=header))

    assert (shown["topicId"], shown["replyTo"]) == (3, {"messageId": 9})


def test_a_message_without_topic_in_a_forum_is_in_general() -> None:
    forum = t.Channel(5, "Forum", t.ChatPhotoEmpty(), AT, forum=True, access_hash=1)

    assert converted(a_message(peer_id=t.PeerChannel(5)), forum)["topicId"] == 1


def test_a_forward_names_its_origin() -> None:
    header = t.MessageFwdHeader(date=AT, from_id=t.PeerChannel(5), channel_post=44)
    channel = t.Channel(5, "News", t.ChatPhotoEmpty(), AT, broadcast=True, access_hash=1)

    assert converted(a_message(fwd_from=header), channel)["forwardedFrom"] == {
        "name": "News",
        "chatId": -1_000_000_000_005,
        "messageId": 44,
        "sentAt": "2026-01-02T00:00:00Z",
    }


def test_a_hidden_author_of_a_forward_has_only_a_name() -> None:
    header = t.MessageFwdHeader(date=AT, from_name="Somebody")

    shown = converted(a_message(fwd_from=header))["forwardedFrom"]

    assert shown == {"name": "Somebody", "sentAt": "2026-01-02T00:00:00Z"}


def test_reactions_say_which_is_ones_own() -> None:
    counts = [
        t.ReactionCount(t.ReactionEmoji("👍"), 2, chosen_order=0),
        t.ReactionCount(t.ReactionEmoji("🔥"), 1),
    ]

    assert converted(a_message(reactions=t.MessageReactions(counts)))["reactions"] == [
        {"emoji": "👍", "count": 2, "isChosen": True},
        {"emoji": "🔥", "count": 1},
    ]


def test_buttons_are_numbered_across_rows() -> None:
    def row(text: str, kind: Any) -> Any:
        return t.KeyboardInlineButtonRow([t.KeyboardInlineButton(text, kind)])

    rows = [
        row("Open", t.InlineButtonTypeUrl("https://e.org")),
        row("Yes", t.InlineButtonTypeCallback(b"y")),
    ]

    assert converted(a_message(reply_markup=t.ReplyInlineMarkup(rows)))["buttons"] == [
        {"id": 0, "text": "Open", "kind": "url", "url": "https://e.org"},
        {"id": 1, "text": "Yes", "kind": "callback"},
    ]


def test_a_pin_names_the_message() -> None:
    header = t.MessageReplyHeader(reply_to_msg_id=3)
    message = t.MessageService(
        5, t.PeerUser(ANN), AT, action=t.MessageActionPinMessage(), reply_to=header
    )

    assert converted(message)["action"] == {"type": "pin_message", "messageId": 3}


def test_new_members_are_named() -> None:
    message = t.MessageService(5, t.PeerChat(8), AT, action=t.MessageActionChatAddUser([3, 4]))

    assert converted(message)["action"] == {"type": "chat_add_user", "userIds": [3, 4]}


def test_a_photo_has_the_size_of_its_largest_form() -> None:
    sizes = [
        t.PhotoStrippedSize("i", b"x"),
        t.PhotoSize("m", 320, 240, 9000),
        t.PhotoSizeProgressive("y", 1280, 960, [1000, 90000]),
    ]
    media = to_media(t.MessageMediaPhoto(photo=t.Photo(1, 2, b"", AT, sizes, 2)))

    assert msgspec.to_builtins(media) == {
        "type": "photo",
        "mimeType": "image/jpeg",
        "sizeBytes": 90000,
        "width": 1280,
        "height": 960,
    }


FILE = t.DocumentAttributeFilename("a.bin")
VIDEO = t.DocumentAttributeVideo(duration=2.5, w=10, h=20)
NOTE = t.DocumentAttributeVideo(duration=2.5, w=10, h=20, round_message=True)
SOUND = t.DocumentAttributeAudio(duration=3, title="Song", performer="Band")
VOICE = t.DocumentAttributeAudio(duration=3, voice=True)
STICKER = t.DocumentAttributeSticker("😀", t.InputStickerSetEmpty())


@pytest.mark.parametrize(
    ("attributes", "kind", "title"),
    [
        ([FILE], "document", None),
        ([VIDEO, FILE], "video", None),
        ([NOTE], "video_note", None),
        ([VIDEO, t.DocumentAttributeAnimated()], "gif", None),
        ([SOUND, FILE], "audio", "Band — Song"),
        ([VOICE], "voice", None),
        ([VIDEO, STICKER], "sticker", "😀"),
    ],
    ids=["document", "video", "video_note", "gif", "audio", "voice", "sticker"],
)
def test_a_document_is_what_its_attributes_say(
    attributes: list[Any], kind: str, title: str | None
) -> None:
    document = t.Document(1, 2, b"", AT, "x/y", 5, 2, attributes)

    media = to_media(t.MessageMediaDocument(document=document))

    assert media is not None
    assert (media.type, media.title, media.size_bytes) == (kind, title, 5)


def test_a_poll_lists_its_options() -> None:
    def words(text: str) -> Any:
        return t.TextWithEntities(text, [])

    answers = [t.PollAnswer(words("Soup"), b"0"), t.PollAnswer(words("Cake"), b"1")]
    poll = t.Poll(1, words("Lunch?"), answers, 0)

    media = to_media(t.MessageMediaPoll(poll, t.PollResults()))

    assert media is not None
    assert media.poll == PollState(
        question="Lunch?",
        options=[PollOption(index=0, text="Soup"), PollOption(index=1, text="Cake")],
        is_anonymous=True,
    )


def test_a_poll_tells_how_it_stands_once_the_account_may_know() -> None:
    def words(text: str) -> Any:
        return t.TextWithEntities(text, [])

    answers = [t.PollAnswer(words("Soup"), b"a"), t.PollAnswer(words("Cake"), b"b")]
    poll = t.Poll(1, words("?"), answers, 0, closed=True, quiz=True, public_voters=True)
    counted = [
        t.PollAnswerVoters(b"b", voters=3, correct=True),
        t.PollAnswerVoters(b"a", voters=0, chosen=True),
    ]

    media = to_media(t.MessageMediaPoll(poll, t.PollResults(results=counted, total_voters=3)))

    assert media is not None
    assert media.poll == PollState(
        question="?",
        options=[
            PollOption(index=0, text="Soup", voters=0, is_chosen=True),
            PollOption(index=1, text="Cake", voters=3, is_correct=True),
        ],
        total_voters=3,
        is_closed=True,
        is_quiz=True,
    )


def test_formatting_goes_out_as_it_came_in() -> None:
    entities = [
        t.MessageEntityBold(0, 1),
        t.MessageEntityItalic(0, 1),
        t.MessageEntityUnderline(0, 1),
        t.MessageEntityStrike(0, 1),
        t.MessageEntitySpoiler(0, 1),
        t.MessageEntityCode(0, 1),
        t.MessageEntityPre(0, 1, "py"),
        t.MessageEntityTextUrl(0, 1, "https://e.org"),
        t.MessageEntityCustomEmoji(0, 1, 2**60),
        t.MessageEntityBlockquote(0, 1, collapsed=True),
    ]

    assert [from_entity(to_entity(entity)) for entity in entities] == entities


def test_a_mention_goes_out_with_the_user_it_names() -> None:
    mention = to_entity(t.MessageEntityMentionName(0, 1, ANN))

    sent = from_entity(mention, t.InputUser(ANN, 9))

    assert sent == t.InputMessageEntityMentionName(0, 1, t.InputUser(ANN, 9))


def a_dialog(**fields: Any) -> Any:
    plain = {
        "peer": t.PeerUser(ANN),
        "top_message": 5,
        "read_inbox_max_id": 4,
        "read_outbox_max_id": 0,
        "unread_count": 1,
        "unread_mentions_count": 0,
        "unread_reactions_count": 0,
        "unread_poll_votes_count": 0,
        "notify_settings": t.PeerNotifySettings(),
    }
    return t.Dialog(**{**plain, **fields})


def test_a_chat_tells_its_state() -> None:
    chat = to_chat(
        a_user(username="ann"),
        Directory(ME),
        now=AT,
        dialog=a_dialog(pinned=True, folder_id=1, unread_mark=True, unread_mentions_count=2),
        last_message=a_message(),
    )

    assert msgspec.to_builtins(chat) == {
        "id": 7,
        "type": "user",
        "title": "Ann",
        "username": "ann",
        "unreadCount": 1,
        "unreadMentions": 2,
        "lastReadId": 4,
        "isArchived": True,
        "isPinned": True,
        "isMarkedUnread": True,
        "canSend": True,
        "lastMessage": {"id": 5, "sentAt": "2026-01-02T00:00:00Z", "text": "hi"},
    }


@pytest.mark.parametrize(
    ("until", "shown"),
    [
        (None, (False, None)),
        (EPOCH, (False, None)),
        (datetime(2025, 1, 1, tzinfo=UTC), (False, None)),
        (datetime(2027, 1, 1, tzinfo=UTC), (True, datetime(2027, 1, 1, tzinfo=UTC))),
        (datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC), (True, None)),
    ],
    ids=["never", "zero", "over", "until", "forever"],
)
def test_a_chat_is_muted_while_its_time_lasts(
    until: datetime | None, shown: tuple[bool, datetime | None]
) -> None:
    dialog = a_dialog(notify_settings=t.PeerNotifySettings(mute_until=until))

    chat = to_chat(a_user(), Directory(ME), now=AT, dialog=dialog)

    assert (chat.is_muted, chat.muted_until) == shown


def test_ones_own_chat_is_saved_messages() -> None:
    assert to_chat(a_user(ME, is_self=True), Directory(ME), now=AT).title == "Saved Messages"


def test_a_long_last_message_is_shortened() -> None:
    chat = to_chat(a_user(), Directory(ME), now=AT, last_message=a_message(message="x" * 500))

    assert chat.last_message is not None
    assert chat.last_message.text == "x" * 300 + "…"


def a_channel(**fields: Any) -> Any:
    return t.Channel(5, "C", t.ChatPhotoEmpty(), AT, **{"access_hash": 1, **fields})


def a_group(**fields: Any) -> Any:
    return t.Chat(5, "G", t.ChatPhotoEmpty(), 3, AT, 1, **fields)


SILENCED = t.ChatBannedRights(AT, send_messages=True)
POSTER = t.ChatAdminRights(post_messages=True)


@pytest.mark.parametrize(
    ("entity", "may_send"),
    [
        (a_user(), True),
        (a_user(deleted=True), False),
        (a_user(777000), False),
        (t.UserEmpty(7), False),
        (a_group(), True),
        (a_group(left=True), False),
        (a_group(deactivated=True, creator=True), False),
        (a_group(default_banned_rights=SILENCED), False),
        (a_group(default_banned_rights=SILENCED, creator=True), True),
        (t.ChatForbidden(5, "G"), False),
        (a_channel(broadcast=True), False),
        (a_channel(broadcast=True, admin_rights=POSTER), True),
        (a_channel(broadcast=True, creator=True), True),
        (a_channel(megagroup=True), True),
        (a_channel(megagroup=True, left=True), False),
        (a_channel(megagroup=True, left=True, username="open"), True),
        (a_channel(megagroup=True, left=True, username="open", join_to_send=True), False),
        (a_channel(megagroup=True, banned_rights=SILENCED), False),
        (a_channel(megagroup=True, default_banned_rights=SILENCED, admin_rights=POSTER), True),
        (t.ChannelForbidden(5, 1, "C"), False),
    ],
)
def test_whether_one_may_write(entity: Any, may_send: bool) -> None:  # noqa: FBT001 — the expected value
    assert can_send(entity) is may_send


@pytest.mark.parametrize(
    ("entity", "kind"),
    [
        (a_user(), ChatType.USER),
        (a_user(bot=True), ChatType.BOT),
        (a_group(), ChatType.GROUP),
        (a_channel(megagroup=True), ChatType.SUPERGROUP),
        (a_channel(broadcast=True), ChatType.CHANNEL),
        (t.ChannelForbidden(5, 1, "C", broadcast=True), ChatType.CHANNEL),
    ],
    ids=["user", "bot", "group", "supergroup", "channel", "forbidden"],
)
def test_every_kind_of_chat_has_its_type(entity: Any, kind: ChatType) -> None:
    assert entity_type(entity) is kind


def test_a_deleted_account_has_no_other_name() -> None:
    assert entity_title(a_user(deleted=True, first_name=None)) == "Deleted Account"


def test_the_first_active_of_several_usernames_counts() -> None:
    names = [t.Username("old"), t.Username("new", active=True)]

    assert entity_username(a_user(usernames=names)) == "new"


def test_somebody_whom_the_answer_does_not_show_has_an_id_and_a_kind() -> None:
    assert converted(a_message(from_id=t.PeerChat(4)))["sender"] == {"id": -4, "type": "group"}
