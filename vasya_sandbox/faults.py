"""What goes wrong on purpose: a plan consulted one step before a request is dispatched."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import Annotated, Any

import msgspec
from telethon.tl.alltlobjects import tlobjects
from telethon.tl.tlobject import TLRequest


class Action(StrEnum):
    """What happens to a request that meets a fault."""

    RPC_ERROR = "rpc_error"
    FLOOD_WAIT = "flood_wait"
    DROP = "drop"
    DROP_AFTER = "drop_after"
    SILENCE = "silence"
    DELAY = "delay"
    AUTH_KEY_LOST = "auth_key_lost"


@cache
def method_name(request_type: type) -> str:
    """Return the name of a request as the control port writes it: `messages.SendMessage`."""
    group = request_type.__module__.removeprefix("telethon.tl.functions").lstrip(".")
    name = request_type.__name__.removesuffix("Request")
    return f"{group}.{name}" if group else name


@cache
def _types_by_name() -> dict[str, frozenset[type]]:
    """Map lower-case names, with and without their group, to request types."""
    found: dict[str, set[type]] = {}
    for request_type in tlobjects.values():
        if issubclass(request_type, TLRequest):
            name = method_name(request_type).lower()
            for key in {name, name.rpartition(".")[2]}:
                found.setdefault(key, set()).add(request_type)
    return {name: frozenset(types) for name, types in found.items()}


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """One planned fault.

    Args:
        action: `drop` closes the connection before the request is handled, `drop_after` once it is,
            `silence` never answers, `auth_key_lost` forgets the key.
        request: `messages.SendMessage`, `messages.sendMessage` or `SendMessageRequest`; None meets all.
        user_id: Whose requests; None meets everyone's, logged in or not.
        times: How many requests meet it.
        code: Of an `rpc_error`.
        text: Of an `rpc_error`, as Telegram writes it.
        secs: Of a `flood_wait` (whole seconds) or a `delay`.
    """

    action: Action
    request: str | None = None
    user_id: int | None = None
    times: Annotated[int, msgspec.Meta(ge=1)] = 1
    code: int | None = None
    text: str | None = None
    secs: Annotated[float, msgspec.Meta(ge=0)] | None = None

    def __post_init__(self) -> None:
        """Refuse a fault that lacks what its action needs.

        Raises:
            ValueError: With the reason.
        """
        if self.action is Action.RPC_ERROR and (self.code is None or not self.text):
            raise ValueError("rpc_error needs code and text")
        if self.action in (Action.FLOOD_WAIT, Action.DELAY) and self.secs is None:
            raise ValueError(f"{self.action} needs secs")


class _Planned:
    """A fault and how often it still strikes."""

    __slots__ = ("fault", "left", "types")

    def __init__(self, fault: Fault, types: frozenset[type] | None) -> None:
        self.fault = fault
        self.types = types
        self.left = fault.times


class FaultPlan:
    """The faults still to come, the oldest first."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []

    def add(self, fault: Fault) -> None:
        """Plan *fault*.

        Raises:
            ValueError: No request has the name; a fault that never strikes hides a mistake.
        """
        types = None
        if fault.request is not None:
            name, known = fault.request.lower(), _types_by_name()
            # As it stands first: `messages.hideChatJoinRequest` is a whole name.
            types = known.get(name) or known.get(name.removesuffix("request"))
            if types is None:
                raise ValueError(f"no request is called {fault.request}")
        self._planned.append(_Planned(fault, types))

    def clear(self) -> None:
        """Forget all faults."""
        self._planned.clear()

    def take(self, request: Any, user_id: int | None) -> Fault | None:
        """Return the fault that *request* meets, using it up once."""
        for planned in self._planned:
            if planned.types is not None and type(request) not in planned.types:
                continue
            if planned.fault.user_id not in (None, user_id):
                continue
            planned.left -= 1
            if not planned.left:
                self._planned.remove(planned)
            return planned.fault
        return None
