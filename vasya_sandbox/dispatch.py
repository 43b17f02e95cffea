"""From a parsed request to its answer: wrappers, the fault plan, the handler, its mistakes."""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from telethon.tl import functions, types
from telethon.tl.alltlobjects import LAYER
from telethon.tl.tlobject import TLRequest

from vasya_sandbox.errors import RpcError
from vasya_sandbox.faults import Action, Fault, method_name
from vasya_sandbox.packing import pack_result
from vasya_sandbox.registry import HANDLERS

if TYPE_CHECKING:
    from vasya_sandbox.session import Session

_log = logging.getLogger(__name__)

_VECTOR = 0x1CB5C415
_BOOL = {True: b"\xb5\x75\x72\x99", False: b"\x37\x97\x79\xbc"}
# A vector of numbers does not say how wide they are; all others are of 32 bits.
_LONG_VECTORS = (functions.messages.ReceivedQueueRequest, functions.photos.DeletePhotosRequest)
_WRAPPERS = frozenset(
    (
        functions.InvokeWithLayerRequest,
        functions.InitConnectionRequest,
        functions.InvokeWithoutUpdatesRequest,
        functions.InvokeAfterMsgRequest,
        functions.InvokeAfterMsgsRequest,
        functions.InvokeWithTakeoutRequest,
    )
)
# A client that has one of these knows the present state of its box.
_DIFFERENCES = (
    types.updates.Difference,
    types.updates.DifferenceEmpty,
    types.updates.DifferenceTooLong,
)
# (user id, peer, random_id) of a message that is being sent.
SendKey = tuple[int, tuple[str, int], int]


@dataclass(slots=True)
class Call:
    """A request on its way, without its wrappers."""

    session: Session
    msg_id: int
    request: Any
    wants_updates: bool = True
    after: tuple[int, ...] = ()


def serve(session: Session, msg_id: int, request: Any) -> None:
    """Answer *request*, now or later; a mistake of its handler costs this call alone."""
    call = Call(session, msg_id, request)
    try:
        _unwrap(call)
    except RpcError as error:
        session.refuse(msg_id, error)
        return
    _start(call)


def _unwrap(call: Call) -> None:
    """Peel the wrappers off, heeding each.

    Source: https://core.telegram.org/api/invoking
    """
    while type(call.request) in _WRAPPERS:
        _heed(call)
        call.request = call.request.query
    if not isinstance(call.request, TLRequest):
        raise RpcError(400, "INPUT_REQUEST_INVALID")
    if not call.session.auth.layer:
        raise RpcError(400, "CONNECTION_NOT_INITED")


def _heed(call: Call) -> None:
    """Do what the outermost wrapper says."""
    wrapper, auth = call.request, call.session.auth
    match wrapper:
        case functions.InvokeWithLayerRequest():
            if wrapper.layer != LAYER:
                raise RpcError(400, "CONNECTION_LAYER_INVALID")
            auth.layer = wrapper.layer
        case functions.InitConnectionRequest():
            auth.introduce(wrapper)
        case functions.InvokeWithoutUpdatesRequest():
            call.wants_updates = False
        case functions.InvokeAfterMsgRequest():
            call.after += (wrapper.msg_id,)
        case functions.InvokeAfterMsgsRequest():
            call.after += tuple(wrapper.msg_ids)
        case functions.InvokeWithTakeoutRequest():
            if wrapper.takeout_id != auth.takeout_id:
                raise RpcError(400, "TAKEOUT_INVALID")


def _start(call: Call) -> None:
    """Consult the fault plan, unless an earlier request has to be answered first."""
    session, dc = call.session, call.session.dc
    for earlier in call.after:
        remembered = session.requests.get(earlier)
        if remembered is None:
            continue
        if remembered.is_failed:
            session.refuse(call.msg_id, RpcError(400, "MSG_WAIT_FAILED"))
            return
        if remembered.answer_id is None:
            remembered.waiting.append(partial(_start, call))
            return
    user = session.auth.user
    user_id = user.id if user else None
    dc.note_request(session.auth, type(call.request))
    fault = dc.faults.take(call.request, user_id)
    if fault is None:
        _finish(call)
    else:
        _meet(call, fault)


def _meet(call: Call, fault: Fault) -> None:
    """Let *fault* happen to the call."""
    session = call.session
    match fault.action:
        case Action.RPC_ERROR:
            session.refuse(call.msg_id, RpcError(fault.code or 0, fault.text or ""))
        case Action.FLOOD_WAIT:
            wait = RpcError(420, f"FLOOD_WAIT_{int(fault.secs or 0)}")
            session.refuse(call.msg_id, wait)
        case Action.DELAY:
            _hold(call, fault.secs or 0)
        case Action.DROP:
            session.drop()
        case Action.DROP_AFTER:
            session.drop()
            _finish(call)
        case Action.AUTH_KEY_LOST:
            session.dc.lose_key(session.auth)
        case Action.SILENCE:
            pass


def _hold(call: Call, secs: float) -> None:
    """Handle the call after *secs*; until then what it sends is in flight for all to see."""
    dc = call.session.dc
    keys = _send_keys(call)
    if keys & dc.in_flight:
        call.session.refuse(call.msg_id, RpcError(500, "RANDOM_ID_DUPLICATE"))
        return
    dc.in_flight |= keys

    def release() -> None:
        dc.in_flight -= keys
        _finish(call)

    dc.call_later(secs, release)


def _send_keys(call: Call) -> set[SendKey]:
    """Return what identifies the messages that the call sends; empty for other calls.

    Source: https://core.telegram.org/api/errors (RANDOM_ID_DUPLICATE)
    """
    request, user = call.request, call.session.auth.user
    if isinstance(request, functions.messages.SendMultiMediaRequest):
        random_ids = [item.random_id for item in request.multi_media]
    else:
        found = getattr(request, "random_id", None)
        random_ids = found if isinstance(found, list) else [found]
    if user is None or random_ids == [None]:
        return set()
    peer = getattr(request, "to_peer", None) or getattr(request, "peer", None)
    chat = ("user", user.id)
    for kind in ("user", "chat", "channel"):
        if (peer_id := getattr(peer, f"{kind}_id", None)) is not None:
            chat = (kind, peer_id)
    return {(user.id, chat, random_id) for random_id in random_ids}


def _finish(call: Call) -> None:
    """Run the handler and answer."""
    session = call.session
    user = session.auth.user
    pts = user.box.pts if user and session.is_subscribed else None
    try:
        result = _handle(call)
        body = encode(call.request, result)
        # Compressing photos and videos costs time and saves nothing.
        if not isinstance(result, types.upload.File):
            body = pack_result(body)
    except RpcError as error:
        session.refuse(call.msg_id, error)
    except Exception:  # noqa: BLE001 - the supervisor: a handler's mistake costs this call alone
        request_type: type = type(call.request)
        method = method_name(request_type)
        _log.exception("the handler of %s failed", method)
        session.dc.handler_errors[method] += 1
        session.refuse(call.msg_id, RpcError(500, "INTERNAL_SERVER_ERROR"))
    else:
        session.answer(call.msg_id, body, pts=_covered_pts(call, result, pts))
    wants_updates = call.wants_updates and session.is_connected and session.auth.user
    if wants_updates and not session.is_subscribed:
        session.dc.resume(session)
    session.dc.changed()


def _handle(call: Call) -> Any:
    session = call.session
    request_type: type = type(call.request)
    handler = HANDLERS.get(request_type)
    if handler is None:
        session.dc.unserved[method_name(request_type)] += 1
        raise RpcError(400, "METHOD_NOT_SERVED_BY_SANDBOX")
    if handler.needs_login and session.auth.user is None:
        raise RpcError(401, "AUTH_KEY_UNREGISTERED")
    if session.dc.in_flight and _send_keys(call) & session.dc.in_flight:
        raise RpcError(500, "RANDOM_ID_DUPLICATE")
    return handler.function(session, call.request)


def _covered_pts(call: Call, result: Any, before: int | None) -> int | None:
    """Return the state of the user's box that the client has once it has *result*.

    Everything up to *before* was pushed on this session already, and what the request itself did
    is in its answer; a client that fetches a difference is told the state in so many words.
    """
    session, user = call.session, call.session.auth.user
    if isinstance(result, _DIFFERENCES) and user:
        session.is_behind = False
        return user.box.pts
    if before is None or user is None or session.is_behind or user.box.pts == before:
        return None
    return user.box.pts


def encode(request: Any, result: Any) -> bytes:
    """Serialise the result of *request*: an object, a Bool, a vector, or bytes as they are."""
    if isinstance(result, bool):
        return _BOOL[result]
    if isinstance(result, bytes):
        return result
    if not isinstance(result, list):
        return bytes(result)
    number = "<q" if isinstance(request, _LONG_VECTORS) else "<i"
    items = [struct.pack(number, item) if isinstance(item, int) else bytes(item) for item in result]
    return struct.pack("<Ii", _VECTOR, len(items)) + b"".join(items)
