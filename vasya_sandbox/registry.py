"""Which function serves which Telegram request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vasya_sandbox.session import Session

# A TL object, a bool, a vector, or bytes that are serialised already.
Result = Any
HandlerFunction = Callable[["Session", Any], Result]


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that serves a request, and whether the caller must be logged in."""

    function: HandlerFunction
    needs_login: bool


HANDLERS: dict[type, Handler] = {}


def rpc(*request_types: type, login: bool = True) -> Callable[[HandlerFunction], HandlerFunction]:
    """Register the decorated function for *request_types*; a second one for a type is a mistake."""

    def register(function: HandlerFunction) -> HandlerFunction:
        for request_type in request_types:
            if request_type in HANDLERS:
                raise ValueError(f"{request_type.__name__} is served twice")
            HANDLERS[request_type] = Handler(function, needs_login=login)
        return function

    return register
