"""Telethon's client, cut down to one connection that never acts on its own.

It is made for one connection and thrown away with it: what Telethon keeps for a next one (queued requests above all) could
only be sent late, behind the back of a caller who was told otherwise. It never retries, reconnects, sleeps or migrates
unasked; it starts no task beside the four of its transport; `Link` decides what happens next.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from telethon import TelegramClient, functions, utils
from telethon import errors as tg
from telethon.extensions.messagepacker import MessagePacker
from telethon.network import MTProtoSender
from telethon.network.requeststate import RequestState
from telethon.tl.alltlobjects import LAYER
from telethon.tl.tlobject import TLRequest

from vasya_server import __version__
from vasya_server.telegram.errors import ConnectionLost
from vasya_server.telegram.inbox import LoginInbox
from vasya_server.telegram.packing import State

if TYPE_CHECKING:
    from vasya_server.telegram.endpoint import Endpoint
    from vasya_server.telegram.inbox import Inbox
    from vasya_server.telegram.session import VaultSession

# Nothing is retried, slept through or dialled again behind the caller's back.
_OPTIONS: Final[dict[str, Any]] = {
    "request_retries": 0,
    "connection_retries": 0,
    "retry_delay": 0,
    "auto_reconnect": False,
    "flood_sleep_threshold": 0,
    "raise_last_call_error": True,
    "entity_cache_limit": 500,
    "device_model": "Vasya",
    "system_version": "gateway",
    "app_version": __version__,
}
_PING_ID: Final = 1
# Telethon's own interval, which its keep-alive task would keep: here one sweeper does for all accounts.
_PING_AFTER_SECS: Final = 60.0


class _Sender(MTProtoSender):
    """Fails every request the moment the connection is gone, whether it was sent or still waited its turn.

    The stock sender leaves those that waited pending for ever, and cancels the others where it has no error at hand.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._state = State(self.auth_key, loggers=self._loggers)
        self._send_queue = MessagePacker(self._state, loggers=self._loggers)

    async def _reconnect(self, last_error: BaseException | None) -> None:
        self._reconnecting = False
        await self._disconnect(error=last_error)

    def _store_own_updates(self, obj: Any) -> None:
        """Leave it to the client, which knows the request as well."""

    async def _disconnect(self, error: BaseException | None = None) -> None:
        self._updates_queue.close()
        waiting = [*self._pending_state.values(), *self._send_queue._deque]
        self._pending_state.clear()
        self._send_queue._deque.clear()
        for state in waiting:
            if not state.future.done():
                _fail(state, error)
        # Given an error, Telethon would leave it in a future that nobody looks at.
        await super()._disconnect()


def _fail(state: RequestState, error: BaseException | None) -> None:
    if isinstance(state.request, functions.PingRequest) or not isinstance(state.request, TLRequest):
        state.future.cancel()  # pings and acknowledgements: nobody waits for them
    elif isinstance(error, tg.AuthKeyNotFound):
        state.future.set_exception(tg.AuthKeyNotFound())
    else:
        state.future.set_exception(ConnectionLost(is_dispatched=state.msg_id is not None))


@dataclass(slots=True)
class Call:
    """One request on its way to Telegram."""

    client: Client
    state: RequestState
    posted_at: float

    @property
    def is_dispatched(self) -> bool:
        """Whether it may have reached Telegram: it was packed for the socket."""
        return self.state.msg_id is not None

    @property
    def is_unheard(self) -> bool:
        """Whether nothing at all has come in since it was posted: the connection may be dead."""
        return self.client.received_at < self.posted_at

    async def answer(self) -> Any:
        """Wait for the result.

        Raises:
            ConnectionLost: The connection ended first.
            RPCError: Telegram refused.
        """
        try:
            result = await self.state.future
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody cancelled this task: Telethon cancels what it cannot answer any more.
            raise ConnectionLost(is_dispatched=self.is_dispatched) from None
        await self.client.session.remember(result)
        return result


class Client(TelegramClient):
    """One connection for one account or one login.

    Args:
        greeting: The request that opens the connection; its answer is `greeted`. For an account it proves the session.
        inbox: Takes what the server pushes; without one it is asked to push nothing.
        may_migrate: Whether it follows to another data centre; a session that is logged in would lose its key.
    """

    # A class attribute in Telethon, shared with clients of other endpoints.
    _config = None

    def __init__(
        self,
        session: VaultSession,
        endpoint: Endpoint,
        *,
        api_id: int,
        api_hash: str,
        greeting: TLRequest,
        inbox: Inbox | LoginInbox | None = None,
        may_migrate: bool = False,
    ) -> None:
        super().__init__(
            session,
            api_id,
            api_hash,
            connection=endpoint.connection,
            use_ipv6=":" in session.server_address,
            timeout=endpoint.dial_timeout_secs,
            receive_updates=inbox is not None,
            **_OPTIONS,
        )
        self._greeting = greeting
        self._may_migrate = may_migrate
        self.inbox = inbox or LoginInbox()
        self._sender = _Sender(
            session.auth_key,
            loggers=self._log,
            retries=0,
            delay=0,
            auto_reconnect=False,
            connect_timeout=endpoint.dial_timeout_secs,
            auth_key_callback=self._auth_key_callback,
            updates_queue=self.inbox,
        )
        self.greeted: Any = None
        self._pinged_at = 0.0
        # Set by whoever ends the connection on purpose, so that no caller dials again for it.
        self.is_discarded = False

    @property
    def received_at(self) -> float:
        """When bytes last came in (monotonic)."""
        connection = self._sender._connection
        return connection.received_at if connection else 0.0

    async def connect(self) -> None:
        """Dial, prove the key or make one, and ask the greeting: one request where Telethon sends four.

        Raises:
            Whatever Telethon and the network raise; `errors.FAILURES` names it.
        """
        self._loop = asyncio.get_running_loop()
        session = self.session
        await self._sender.connect(
            self._connection(
                session.server_address,
                session.port,
                session.dc_id,
                loggers=self._log,
                proxy=self._proxy,
                local_addr=None,
            )
        )
        session.auth_key = self._sender.auth_key
        self._init_request.query = self._greeting
        greeting = functions.InvokeWithLayerRequest(LAYER, self._quiet(self._init_request))
        self.greeted = await self._post(greeting).answer()

    async def _auth_key_callback(self, auth_key: Any) -> None:
        self.session.auth_key = auth_key

    async def post(self, request: TLRequest) -> Call:
        """Hand *request* to the connection and return at once.

        Raises:
            ConnectionLost: There is none; the request was not sent.
        """
        await request.resolve(self, utils)
        # Telegram only acknowledges auth.logOut, and Telethon tells it by its type.
        is_bare = isinstance(request, functions.auth.LogOutRequest)
        return self._post(request if is_bare else self._quiet(request))

    def _post(self, request: TLRequest) -> Call:
        if not self._sender.is_connected():
            raise ConnectionLost(is_dispatched=False)
        state = RequestState(request)
        if not self._no_updates:
            state.future.add_done_callback(partial(self._note_answer, request))
        call = Call(self, state, time.monotonic())
        self._sender._send_queue.append(state)
        return call

    def _note_answer(self, request: TLRequest, answered: asyncio.Future[Any]) -> None:
        """Take the answer for what it changed, also where nobody waits for it any more."""
        if not answered.cancelled() and answered.exception() is None:
            self.inbox.put_answer(request, answered.result())

    def _quiet(self, request: TLRequest) -> TLRequest:
        """Ask the server not to push updates because of *request*, where nobody listens for them."""
        if not self._no_updates:
            return request
        wrapped = functions.InvokeWithoutUpdatesRequest(request)
        wrapped.read_result = (
            request.read_result
        )  # some results are bare vectors that only the request can read
        return wrapped

    async def _call(
        self,
        sender: MTProtoSender,
        request: TLRequest,
        ordered: bool = False,  # noqa: FBT001, FBT002 — Telethon's signature
        flood_sleep_threshold: int | None = None,
    ) -> Any:
        """Send *request* once, in place of Telethon's retries, sleeps and memory of flood waits."""
        if sender is not self._sender:
            return await super()._call(sender, request, ordered, flood_sleep_threshold)
        try:
            return await (await self.post(request)).answer()
        except (tg.PhoneMigrateError, tg.NetworkMigrateError, tg.UserMigrateError) as error:
            if not self._may_migrate:
                raise
            await self.migrate(error.new_dc)
            return await (await self.post(request)).answer()

    async def migrate(self, dc_id: int) -> None:
        """Go on at another data centre, with a new key; whether it may be dialled is the transport's to say."""
        # Telethon keeps the configuration for the process; what was read elsewhere may name other addresses.
        Client._config = None
        await self._switch_dc(dc_id)

    async def _save_states_and_entities(self) -> None:
        """Keep nothing: `Updates` keeps how far the account is, and `remember` the peers."""

    def keep_alive(self, now: float) -> None:
        """Ask a silent connection for a sign of life; one that has not answered the last time is given up.

        Args:
            now: `time.monotonic()`.
        """
        if now - max(self.received_at, self._pinged_at) >= _PING_AFTER_SECS:
            self._pinged_at = now
            self._sender._keepalive_ping(_PING_ID)
