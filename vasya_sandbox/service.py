"""Service messages: what clients say to the protocol itself rather than to Telegram.

Source: https://core.telegram.org/mtproto/service_messages
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions, types

if TYPE_CHECKING:
    from collections.abc import Callable

    from vasya_sandbox.session import Session

# As many hours ahead as the real service tells.
MAX_FUTURE_SALTS = 64
_ANSWER = 1


def _acknowledge(session: Session, _msg_id: int, message: Any) -> None:
    """Serve msgs_ack."""
    session.acknowledge(message.msg_ids)


def _ping(session: Session, msg_id: int, message: Any) -> None:
    """Serve ping and ping_delay_disconnect."""
    pong = types.Pong(msg_id, message.ping_id)
    session.queue(bytes(pong), kind=_ANSWER, is_content=False)
    if isinstance(message, functions.PingDelayDisconnectRequest) and session.wire is not None:
        session.wire.drop_after(message.disconnect_delay)


def _future_salts(session: Session, msg_id: int, message: Any) -> None:
    """Serve get_future_salts."""
    count = max(1, min(message.num, MAX_FUTURE_SALTS))
    salts = session.auth.future_salts(session.dc.clock(), count)
    answer = types.FutureSalts(msg_id, int(session.now), salts)
    session.queue(bytes(answer), kind=_ANSWER, is_content=False)


def _destroy_session(session: Session, _msg_id: int, message: Any) -> None:
    """Serve destroy_session, for any session of the key but the asking one."""
    other = session.auth.sessions.get(message.session_id)
    answer: Any = types.DestroySessionNone(message.session_id)
    if other is not None and other is not session:
        other.destroy()
        answer = types.DestroySessionOk(message.session_id)
    session.queue(bytes(answer), kind=_ANSWER)


def _message_states(session: Session, msg_id: int, message: Any) -> None:
    """Serve msgs_state_req."""
    info = bytes(session.state_of(asked) for asked in message.msg_ids)
    answer = bytes(types.MsgsStateInfo(msg_id, info))
    session.queue(answer, kind=_ANSWER, is_content=False)


def _resend(session: Session, msg_id: int, message: Any) -> None:
    """Serve msg_resend_req: send again what is still kept, and tell the state of the rest."""
    kept = [session.unacked[asked] for asked in message.msg_ids if asked in session.unacked]
    session.resend(kept)
    if len(kept) < len(message.msg_ids):
        _message_states(session, msg_id, message)


def _ignore(_session: Session, _msg_id: int, _message: Any) -> None:
    """Serve notices that ask for nothing."""


SERVED: dict[type, Callable[[Session, int, Any], None]] = {
    types.MsgsAck: _acknowledge,
    types.MsgsStateReq: _message_states,
    types.MsgResendReq: _resend,
    types.HttpWait: _ignore,
    types.MsgsAllInfo: _ignore,
    types.MsgsStateInfo: _ignore,
    functions.PingRequest: _ping,
    functions.PingDelayDisconnectRequest: _ping,
    functions.GetFutureSaltsRequest: _future_salts,
    functions.DestroySessionRequest: _destroy_session,
}
