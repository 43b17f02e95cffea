"""What one does to a message that asks for it: vote in its poll, press its button."""

from __future__ import annotations

from vasya_server.api.routes import Call, mutation
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.model.interaction import ButtonAnswer, Press, Vote
from vasya_server.model.message import Message
from vasya_server.operations import Ready, telegram
from vasya_server.telegram.requests import pressing, voting

_MESSAGE = "/accounts/{account}/chats/{chat}/messages/{message}"


@mutation("PUT", _MESSAGE + "/vote", Scope.MESSAGES_REACT, telegram(Action.MESSAGE_VOTE))
async def set_vote(call: Call, ready: Ready, body: Vote) -> Message:
    """Vote in a poll: `options` are indexes of `media.poll.options`, in place of an earlier vote; [] takes it back.

    Answers with the message as it stands then, with the counts. A message without a poll, an index that it does not have and
    several options where one is allowed answer 422, a closed poll 409 `poll_closed`, a quiz in which the account has voted
    409 `already_voted`. In a poll that is not anonymous others see the vote.
    """
    return await voting.vote(call.account, ready.chat, call.message_id, body)


@mutation(
    "POST",
    _MESSAGE + "/press",
    Scope.MESSAGES_SEND,
    telegram(Action.MESSAGE_PRESS, is_repeatable=False),
)
async def press_button(call: Call, ready: Ready, body: Press) -> ButtonAnswer:
    """Press a button under a bot's message by its `id` in `buttons`, and answer what the bot says; at most once.

    Only buttons of kind `callback` are pressed. A link is not: its `url` stands in `buttons`. Links, games, payments and buttons that
    ask for the account's password answer 422 `validation_failed` with `is_a_link`, `is_a_game`, `is_a_payment`, `needs_password`. A bot that does not answer
    in time is 502 `bot_timeout`, and may have done what the button says. Pressing twice is two presses.
    """
    return await pressing.press(call.account, ready.chat, call.message_id, body.button)
