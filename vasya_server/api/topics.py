"""Topics of a forum."""

from __future__ import annotations

from vasya_server.api.routes import Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.model.topic import NewTopic, Topic, TopicFilter, TopicPage, TopicPatch
from vasya_server.operations import Ready, telegram
from vasya_server.telegram.requests import topics

_TOPICS = "/accounts/{account}/chats/{chat}/topics"
_TOPIC = _TOPICS + "/{topic}"


@read(_TOPICS, Scope.CHATS_READ)
async def list_topics(call: Call, query: TopicFilter) -> TopicPage:
    """List a forum's topics, the pinned ones and then those with the latest message first.

    Messages of one are read by GET …/messages?topic={id}; topic 1 is the general one, which holds what is in no other.
    A chat that is no forum (`isForum` of GET …/chats/{chat}) answers 409 `chat_has_no_topics`, one that is not there 404
    `chat_not_found`. Listing marks nothing as read.
    """
    return await topics.list_topics(call.account, call.path["chat"], query, call.gateway.cursors)


@mutation("POST", _TOPICS, Scope.CHATS_WRITE, telegram(Action.TOPIC_CREATE), status=201)
async def create_topic(call: Call, ready: Ready, body: NewTopic) -> Topic:
    """Open a topic in a forum; its `id` is what a send takes as `topic`.

    Everybody there sees it. Repeated with the same `Idempotency-Key` it is opened once. A chat that is no forum answers
    409 `chat_has_no_topics`, one where the account may open none 403 `admin_required`.
    """
    return await topics.create_topic(call.account, ready.chat, body, ready.action_id)


@mutation("PATCH", _TOPIC, Scope.CHATS_WRITE, telegram(Action.TOPIC_UPDATE))
async def update_topic(call: Call, ready: Ready, body: TopicPatch) -> Topic:
    """Rename, close or open, pin, or hide a topic; what is not named stays, and what is so already is a success.

    In a closed topic only administrators write. Only the general topic, 1, can be hidden, which closes it, and opening
    it shows it again; another answers 422 `validation_failed`. A topic that is not there answers 404 `topic_not_found`,
    a chat that is no forum 409 `chat_has_no_topics`, and what only administrators may 403 `admin_required`. A key that
    may not read the chat is answered with what it said alone.
    """
    return await topics.update_topic(call.account, ready.chat, call.topic_id, body)


@mutation(
    "DELETE",
    _TOPIC,
    Scope.CHATS_DELETE,
    telegram(Action.TOPIC_DELETE),
    status=204,
    is_destructive=True,
)
async def delete_topic(call: Call, ready: Ready) -> None:
    """Delete a topic with all that was said in it, for everybody; it cannot be undone.

    The general topic stays: hide it instead; it answers 422 `validation_failed`. A topic that is not there answers 404
    `topic_not_found`, a chat that is no forum 409 `chat_has_no_topics`, and where the account may not 403
    `admin_required`.
    """
    await topics.delete_topic(call.account, ready.chat, call.topic_id, is_redrive=ready.is_redrive)
