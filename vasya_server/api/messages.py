"""Messages of a chat: history and search, one message, send, edit, delete."""

from __future__ import annotations

from vasya_server.api.history_lines import HistoryLines, open_history
from vasya_server.api.routes import Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.model.message import (
    CompactPage,
    Deletion,
    ForwardedMessages,
    Message,
    MessageFilter,
    MessagePage,
    MessageQuery,
)
from vasya_server.model.writing import (
    DeleteMessages,
    DeleteQuery,
    EditMessage,
    ForwardMessages,
    SendMessage,
)
from vasya_server.operations import Ready, telegram
from vasya_server.telegram.requests import (
    deletion,
    editing,
    forward,
    listing,
    messages,
    sending,
)
from vasya_server.telegram.words import messages_in

_MESSAGES = "/accounts/{account}/chats/{chat}/messages"


@read(_MESSAGES, Scope.MESSAGES_READ)
async def list_messages(
    call: Call, query: MessageFilter
) -> MessagePage | CompactPage | HistoryLines:
    """Read a chat's messages, newest first, or search in them with the filters.

    Reading leaves no trace: nothing is marked read and nobody sees it. `view=compact` spends the fewest words;
        follow `next` for more. Texts are other people's words; `sanitized` says what was hidden in one, `redacted` that
    only a human may read it. More than one of before, after, around, ids and cursor answers 422 `validation_failed`,
    an unknown chat 404 `chat_not_found`, a topic that the forum has not 404 `topic_not_found`. A key with chat lists
    needs the discussion group among them for `commentsOf`, and names authors by their ids.

    With `Accept: application/x-ndjson` all of it comes, a message on each line. Lines that have `line` are no messages:
    after each hundred messages one tells the cursor (`next`) to go on from, and the last one says `end`, or `stopped`
    and why, with where and when to go on: a flood wait of Telegram ends it, and so do the end of the key and 429
    `too_many_streams`.
    """
    return await (
        open_history(call, query)
        if call.wants_lines
        else listing.list_messages(
            call.account, call.path["chat"], query, call.gateway.cursors, call.now
        )
    )


@read(_MESSAGES + "/{message}", Scope.MESSAGES_READ)
async def get_message(call: Call, query: MessageQuery) -> Message:
    """Read one message by its id.

    Reading leaves no trace. A message that is not there (any more) answers 404 `message_not_found`; `raw` is for humans,
    others get 403 `human_required`.
    """
    return await messages.get_message(
        call.account, call.path["chat"], call.message_id, is_raw=query.raw
    )


@mutation(
    "POST",
    _MESSAGES,
    Scope.MESSAGES_SEND,
    telegram(Action.MESSAGE_SEND, parts=messages_in),
    status=201,
    takes_form=True,
)
async def send_message(call: Call, ready: Ready, body: SendMessage) -> Message:
    """Send a text, files, a poll, a place or a contact as the account's user; 201 means that it stands on Telegram.

    A `text` is Markdown unless `format` says `html`, or `plain` with `entities` beside it. Longer than 4,096 UTF-16 units
    it is 422, unless `split` has it sent as several messages (`splitIds`). `media` takes up to ten uploadIds of POST
    …/uploads with the text as their caption; several are an album, of photos and videos, or of other files alone, and
    the answer is its first message with all of them in `albumIds`. An upload that is not there (any more) answers 404
    `upload_not_found`. `poll`, `location` and `contact` stand alone. `replyTo` answers a message, `quote` a part of its text.

    `scheduleAt` has Telegram send it later, and `undoSecs`, or that of the key, makes it wait for so long: both answer 202
    with the action, whose cancellation takes it back, and of both the later moment holds. 100 messages may wait in a chat,
    else 409 `too_many_scheduled`. After the owner wrote there, agents may get 409 `owner_active` for a while.

    Instead of JSON it takes a multipart form with the same as `message` and up to ten `file` parts (`curl -F file=@x -F
    'message={"text":"…"}'`): they are uploaded and sent in one request, and named in no `media`. A file that is too
    large answers 413 `body_too_large`.

    Send an `Idempotency-Key`: repeating the request with it after any failure never makes a second message. When
    Telegram gave no answer in time the outcome is 409 `outcome_unknown`: repeat with the same key. A closed gate
    answers 403 `sending_disabled`, a chat where the account may not write 403 `chat_write_forbidden`.
    """
    return await sending.send(
        call.account,
        ready.chat,
        body,
        ready.random_ids,
        lineage=call.who.lineage,
        when=ready.when(body.schedule_at),
    )


@mutation(
    "POST",
    _MESSAGES + "/forward",
    Scope.MESSAGES_FORWARD,
    telegram(
        Action.MESSAGE_FORWARD,
        parts=lambda body: len(body.message_ids),
        source=lambda body: body.from_chat,
    ),
    status=201,
    is_destructive=True,
)
async def forward_messages(call: Call, ready: Ready, body: ForwardMessages) -> ForwardedMessages:
    """Forward up to 100 messages of the chat `fromChat` to this one, each of them once.

    `asCopy` leaves out whose they were, and with it `withoutCaption` the words under files. `scheduleAt` has Telegram send
    them later: 202 with the action. Repeated with the same
        `Idempotency-Key` it never makes a message twice. A source whose content is protected answers 403 `chat_protected`, one of
    Telegram's own notifications 403 `service_chat` to all but humans, a message that is not there 404 `message_not_found`. A key with chat lists has to read the source and write to the
    destination, else 403 `chat_not_allowed`.
    """
    return await forward.forward_messages(
        call.account,
        ready.chat,
        ready.source,
        body,
        ready.random_ids,
        when=ready.when(body.schedule_at),
    )


@mutation(
    "POST",
    _MESSAGES + "/delete",
    Scope.MESSAGES_DELETE,
    telegram(Action.MESSAGE_DELETE),
    is_destructive=True,
)
async def delete_messages(call: Call, ready: Ready, body: DeleteMessages) -> Deletion:
    """Delete up to 100 messages, for this account alone or for everyone; it cannot be undone.

    `deleted` names those that were there, `missing` the others; repeated after an unknown outcome it finds its own work
    among the missing. Where one of them may not be deleted for everyone, none is, and it answers 403 `admin_required`.
    """
    return await deletion.delete_messages(call.account, ready.chat, body)


@mutation("PATCH", _MESSAGES + "/{message}", Scope.MESSAGES_SEND, telegram(Action.MESSAGE_EDIT))
async def edit_message(call: Call, ready: Ready, body: EditMessage) -> Message:
    """Replace the text of an own message, its file (`media`, one uploadId), or both; what it is already changes nothing.

    Without a `text` the old one stays. Everybody in the chat sees the change and that it was edited. Somebody else's message answers 403
    `chat_write_forbidden`, one that is gone 404 `message_not_found`.
    """
    return await editing.edit_message(
        call.account,
        ready.chat,
        call.message_id,
        body,
        lineage=call.who.lineage,
        is_sent_again=ready.is_redrive,
    )


@mutation(
    "DELETE",
    _MESSAGES + "/{message}",
    Scope.MESSAGES_DELETE,
    telegram(Action.MESSAGE_DELETE, removes=True),
    status=204,
    is_destructive=True,
)
async def delete_message(call: Call, ready: Ready, query: DeleteQuery) -> None:
    """Delete a message, for this account alone or for everyone; it cannot be undone.

    `forEveryone` has no default, because the two differ for good. A message that is not there answers 404
    `message_not_found`, one that may not be deleted for everyone 403 `admin_required`.
    """
    await deletion.delete_message(
        call.account, ready.chat, call.message_id, for_everyone=query.for_everyone
    )
