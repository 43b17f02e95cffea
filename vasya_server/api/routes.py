"""One declaration of an operation: path, who may, what it takes, what it answers.

`read` and `mutation` are the only ways to make a route, so that a route without a declared access cannot exist. The
handler is one expression; its docstring is the OpenAPI text. A mutation's handler takes what `operations.perform` made
ready, which nothing else makes, so that no change can be had without being claimed and written down first:

```
@mutation("POST", "/…/chats/{chat}/typing", Scope.MESSAGES_REACT, telegram(Action.CHAT_TYPING), status=204)
async def show_typing(call: Call, ready: Ready) -> None:
    await marks.show_typing(call.account, ready.chat)
```
"""

from __future__ import annotations

import enum
import inspect
import re
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import msgspec

from vasya_server.api.event_poll import LongPoll
from vasya_server.api.event_stream import EventStream
from vasya_server.api.history_lines import HistoryLines
from vasya_server.api.receiving import ReceivedFile
from vasya_server.model.base import Input, Plain, Query
from vasya_server.operations import Mutation, Ready
from vasya_server.telegram.requests.downloads import Download
from vasya_server.telegram.view import AccountView

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from vasya_server.auth.known_keys import Watch
    from vasya_server.auth.principal import Principal
    from vasya_server.auth.scopes import Scope
    from vasya_server.gateway import Gateway
    from vasya_server.limits.budgets import Balance
    from vasya_server.limits.gcra import Verdict
    from vasya_server.sessions.uploads import StoredFile
    from vasya_server.telegram.accounts import AccountRuntime

BASE_PATH: Final = "/api/v1"
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
F = TypeVar("F", bound="Callable[..., Awaitable[Any]]")


class Access(enum.Enum):
    """Who may call an operation that no scope opens."""

    PUBLIC = "x-public"
    HUMAN = "x-human-only"
    ANY_PRINCIPAL = "x-any-principal"


class Kind(enum.StrEnum):
    """What an operation changes: nothing, something here, or something at Telegram."""

    NONE = "none"
    LOCAL = "local"
    TELEGRAM = "telegram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One route.

    Args:
        access: The one scope that opens it, or who may without one.
        mutation: What it changes; None where that is nothing.
        query: The Struct of its query parameters; None takes none.
        body: The Struct of its JSON body; None takes none.
        takes_file: Its body is a file instead, raw or in a form.
        takes_form: Its body may be a form instead, with a message and files.
        answer: What the handler returns, as annotated.
        status: The status of success; 204 where the handler returns nothing.
    """

    name: str
    method: Method
    path: str
    access: Scope | Access
    mutation: Mutation | None
    query: type[Query] | None
    body: type[Input] | None
    takes_file: bool
    takes_form: bool
    answer: Any
    status: int
    is_destructive: bool
    description: str
    handler: Callable[..., Awaitable[Any]]

    @property
    def pattern(self) -> str:
        """Return the regular expression of its paths."""
        return BASE_PATH + re.sub(r"{\w+}", "[^/]+", self.path)

    @property
    def answers_file(self) -> bool:
        """Tell whether it answers with a file and not with JSON."""
        return self.answer is Download

    @property
    def answers_events(self) -> bool:
        """Tell whether it answers with events, which may take as long as the client likes."""
        return self.answer is EventStream or self.answer is LongPoll

    @property
    def answers_lines(self) -> bool:
        """Tell whether it answers with lines of JSON where a client asks for them."""
        return HistoryLines in typing.get_args(self.answer)

    @property
    def kind(self) -> Kind:
        """Tell where it changes something."""
        if self.mutation is None:
            return Kind.NONE
        return Kind.TELEGRAM if self.mutation.reaches_telegram else Kind.LOCAL


class Call(Plain, frozen=True, kw_only=True):
    """One request on its way to the handler: who asks, for which account, with which path parameters."""

    gateway: Gateway
    operation: Operation
    request_id: str
    request_path: str
    principal: Principal | None
    account_runtime: AccountRuntime | None
    path: Mapping[str, str]
    query_string: bytes
    idempotency_key: str | None
    verdicts: list[Verdict | Balance]
    numbers: Mapping[str, int]
    is_dry_run: bool = False
    watch: Watch | None = None
    last_event_id: str | None = None
    files: dict[str, StoredFile] = msgspec.field(default_factory=dict)
    host: bytes | None = None
    wants_lines: bool = False

    @property
    def message_id(self) -> int:
        """Return the message that `{message}` names."""
        return self.numbers["message"]

    @property
    def topic_id(self) -> int:
        """Return the topic that `{topic}` names."""
        return self.numbers["topic"]

    @property
    def folder_id(self) -> int:
        """Return the folder that `{folder}` names."""
        return self.numbers["folder"]

    @property
    def who(self) -> Principal:
        """Return the principal; access refused the request where there must be one and is none."""
        if self.principal is None:
            raise LookupError(self.operation.name)
        return self.principal

    @property
    def origin(self) -> str:
        """Return where clients reach this server: as it was told, else as this one did."""
        # The edge has seen that the host is one of its own.
        return self.gateway.settings.public_url or f"http://{(self.host or b'').decode()}"

    @property
    def account(self) -> AccountView:
        """Return the account that `{account}` names, as the principal sees it."""
        if self.account_runtime is None:
            raise LookupError(self.operation.name)
        return AccountView(self.account_runtime, self.who, self.files)

    @property
    def now(self) -> datetime:
        """Return the time in the owner's time zone, in which `today` and `yesterday` are told."""
        zone = self.gateway.owner_settings.held(self.who.owner).zone
        return self.gateway.clock.now().astimezone(zone)


OPERATIONS: Final[list[Operation]] = []


def read(path: str, access: Scope | Access) -> Callable[[F], F]:
    """Declare a GET that changes nothing anywhere, not even what counts as read."""
    return _declare("GET", path, access, None, status=200, is_destructive=False)


def mutation(
    method: Method,
    path: str,
    access: Scope | Access,
    change: Mutation,
    *,
    status: int = 200,
    is_destructive: bool = False,
    takes_form: bool = False,
) -> Callable[[F], F]:
    """Declare an operation that changes something: here (`local`) or at Telegram (`telegram`)."""
    return _declare(
        *(method, path, access, change),
        status=status,
        is_destructive=is_destructive,
        takes_form=takes_form,
    )


def _declare(
    method: Method,
    path: str,
    access: Scope | Access,
    change: Mutation | None,
    *,
    status: int,
    is_destructive: bool,
    takes_form: bool = False,
) -> Callable[[F], F]:
    def register(handler: F) -> F:
        hints = typing.get_type_hints(handler, include_extras=True)
        answer = hints.pop("return", None)
        if (Ready in hints.values()) != (change is not None):
            raise TypeError(f"{handler.__name__}: a mutation, and nothing else, takes a Ready")
        OPERATIONS.append(
            Operation(
                name=handler.__name__,
                method=method,
                path=path,
                access=access,
                mutation=change,
                query=_struct(hints.get("query"), Query),
                body=_struct(hints.get("body"), Input),
                takes_file=hints.get("file") is ReceivedFile,
                takes_form=takes_form,
                answer=None if answer is type(None) else answer,
                status=status,
                is_destructive=is_destructive,
                description=inspect.getdoc(handler) or "",
                handler=handler,
            )
        )
        return handler

    return register


def _struct(hint: Any, base: type[msgspec.Struct]) -> Any:  # noqa: ANN401 — a class of that base or None
    if hint is not None and not issubclass(hint, base):
        raise TypeError(hint)
    return hint
