"""A connection to Telegram that is dialled when it is needed, with a deadline on everything.

Whoever needs the connection while it is down shares one dial; what fails is dialled again after a pause, for as long as
somebody waits. Reads are asked once more after a lost connection. Changes are repeated only where Telegram itself drops
the copy; any other whose answer is lost after it was sent is `OutcomeUnknown`, never a silent retry and never a lie.
"""

from __future__ import annotations

import abc
import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from telethon import errors as tg

from vasya_server.errors import (
    OutcomeUnknown,
    ShuttingDown,
    TelegramTimeout,
    TelegramUnavailable,
    VasyaError,
)
from vasya_server.kill_points import KillPoint, stop
from vasya_server.telegram.attempts import Attempts
from vasya_server.telegram.connection import pause_secs
from vasya_server.telegram.errors import (
    FAILURES,
    AddressRefused,
    ConnectionLost,
    domain_error,
    is_definitive,
    is_session_over,
)
from vasya_server.telegram.progress import current_progress, note_confirmed

if TYPE_CHECKING:
    from telethon.tl.tlobject import TLRequest

    from vasya_server.clock import Clock
    from vasya_server.settings import Settings
    from vasya_server.telegram.breakers import Breakers
    from vasya_server.telegram.client import Call, Client

_log: Final = logging.getLogger(__name__)

# In a crash test: for the request to leave, and for the data centre to do what it says.
_LEAVES_WITHIN_SECS: Final = 0.5


class Link(abc.ABC):
    """The connection of one account or one login."""

    # What the requests of an account pass; a login has none.
    breakers: Breakers | None = None

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._client: Client | None = None
        self._dialling: asyncio.Task[VasyaError | None] | None = None
        # Dials and connections that failed since Telegram last answered.
        self._failures = 0
        # The last dial failed.
        self._is_unreachable = False
        self._in_flight = 0
        self._used_at = self._clock.monotonic()
        self._is_closed = False
        self._endings: set[asyncio.Task[Any]] = set()

    @abc.abstractmethod
    async def _new_client(self) -> Client:
        """Make the client of the next connection."""

    def _check_usable(self) -> None:
        """Refuse where dialling is pointless.

        Raises:
            VasyaError: Why.
        """
        if self._is_closed:
            raise ShuttingDown

    async def _greeted(self, client: Client) -> None:  # noqa: B027 — a login has nothing to notice
        """Take notice of what Telegram answered to the greeting."""

    async def _session_over(self) -> None:  # noqa: B027 — as above
        """Take notice that Telegram has ended the session."""

    @property
    def is_connected(self) -> bool:
        """Whether a connection is open, as far as this end knows."""
        return self._client is not None and bool(self._client.is_connected())

    @property
    def is_connecting(self) -> bool:
        """Whether a dial is under way."""
        return self._dialling is not None and not self._dialling.done()

    @property
    def idle_secs(self) -> float:
        """How long nobody has asked anything of it."""
        return 0.0 if self._in_flight else self._clock.monotonic() - self._used_at

    async def connect(self) -> None:
        """Connect now, if it is not.

        Raises:
            TelegramTimeout: Not within the connect deadline.
            TelegramUnavailable: The data centre cannot be reached.
        """
        if self._usable_client() is not None:  # mostly: a deadline would cost more than the rest
            return
        try:
            async with asyncio.timeout(self._settings.connect_deadline_secs):
                await self._connected()
        except TimeoutError as error:
            raise self._late() from error

    async def call(self, request: TLRequest, *, deadline_secs: float | None = None) -> Any:
        """Ask Telegram something that changes nothing.

        Args:
            deadline_secs: For all of it, connecting included; the read deadline where it is None.

        Raises:
            TelegramTimeout: No answer by then.
            TelegramUnavailable: The data centre cannot be reached, or fails.
            VasyaError: Telegram refused.
        """
        call: Call | None = None
        if self.breakers is not None:
            self.breakers.admit(request, is_change=False)
        self._in_flight += 1
        try:
            async with asyncio.timeout(
                self._settings.read_deadline_secs if deadline_secs is None else deadline_secs
            ):
                try:
                    call = await (await self._connected()).post(request)
                    return await self._answer(call)
                except ConnectionLost as lost:
                    if self._is_unwanted(call):
                        raise TelegramUnavailable from lost
                call = await (await self._connected()).post(request)
                return await self._answer(call)
        except TimeoutError as error:
            late = self._late()
            self._suspect(call)
            raise late from error
        except FAILURES as error:
            raise await self._refused(error, request) from error
        finally:
            self._in_flight -= 1
            self._used_at = self._clock.monotonic()

    async def mutate(
        self, request: TLRequest, *, is_exactly_once: bool, deadline_secs: float | None = None
    ) -> Any:
        """Have Telegram change something.

        Args:
            is_exactly_once: Repeating it changes nothing more: it has a random_id, or says how things should be.
            deadline_secs: For all of it; the send deadline where it is None.

        Raises:
            OutcomeUnknown: It was sent and no answer came back: it may have happened.
            TelegramTimeout, TelegramUnavailable: It was not sent.
            VasyaError: Telegram refused, and nothing has happened.
            CancelledError: With an `OutcomeUnknown` as its cause where the change may have happened.
        """
        attempts = Attempts(is_exactly_once=is_exactly_once)
        if self.breakers is not None:
            self.breakers.admit(request, is_change=True)
        self._in_flight += 1
        try:
            async with asyncio.timeout(deadline_secs or self._settings.send_deadline_secs):
                answer = await self._drive(request, attempts)
        except TimeoutError as error:
            late = attempts.verdict(self._late())
            self._suspect(attempts.call)
            raise late from error
        except FAILURES as error:
            current_progress().is_refused = is_definitive(error)
            raise attempts.verdict(await self._refused(error, request), error) from error
        except VasyaError as error:
            if attempts.may_have_happened:
                raise OutcomeUnknown from error
            raise
        except asyncio.CancelledError as cancelled:
            # Whoever cancelled gets the cancellation, and whoever answers for it the truth.
            if attempts.is_open:
                raise cancelled from OutcomeUnknown()
            raise
        else:
            note_confirmed(answer)
            if self.breakers is not None:
                await self.breakers.note_done()
            return answer
        finally:
            self._in_flight -= 1
            self._used_at = self._clock.monotonic()

    async def _drive(self, request: TLRequest, attempts: Attempts) -> Any:
        """Send *request*, and its identical copy after a loss, until there is an answer."""
        while True:
            try:
                attempts.call = None
                connection = await self._connected()
                current_progress().before_posting()
                if self.breakers is not None:
                    self.breakers.begin_change()
                attempts.call = await connection.post(request)
                current_progress().is_posted = True
                if self._settings.kill_point == KillPoint.DURING_CALL:
                    await asyncio.sleep(_LEAVES_WITHIN_SECS)
                    stop(KillPoint.DURING_CALL)
                return await self._answer_on_live(attempts.call)
            except tg.RandomIdDuplicateError:
                attempts.may_have_happened = True
                await asyncio.sleep(attempts.next_pause_secs())
            except ConnectionLost as lost:
                attempts.may_have_happened |= lost.is_dispatched
                if self._is_unwanted(attempts.call) or attempts.is_final:
                    raise

    async def disconnect(self) -> None:
        """Close the connection, if there is one; calls under way fail, later ones dial again."""
        if (dialling := self._dialling) is not None:
            dialling.cancel()
            await asyncio.wait({dialling})
        if (client := self._client) is not None:
            await self._discard(client)
        while self._endings:
            await asyncio.wait(set(self._endings))

    async def close(self) -> None:
        """Disconnect for good; no task is left behind."""
        self._is_closed = True
        await self.disconnect()

    async def _answer(self, call: Call) -> Any:
        try:
            result = await call.answer()
        except ConnectionLost:
            self._lost(call.client)
            raise
        self._failures = 0
        return result

    async def _answer_on_live(self, call: Call) -> Any:
        """Wait for the answer, but not on a connection that stays silent for as long as a read may take.

        A change has more time than that; on a dead connection it would spend all of it waiting for nothing.
        """
        alarm = asyncio.get_running_loop().call_later(
            self._settings.read_deadline_secs, self._suspect, call
        )
        try:
            return await self._answer(call)
        finally:
            alarm.cancel()

    def _usable_client(self) -> Client | None:
        """Return the open connection; None: there is none, and one that broke is cleaned up behind.

        Raises:
            VasyaError: Dialling is pointless, too.
        """
        self._check_usable()
        if self._client is not None:
            if self._client.is_connected():
                return self._client
            self._lost(self._client)
        return None

    async def _connected(self) -> Client:
        """Return the open connection, dialling and waiting for it for as long as the caller does."""
        while True:
            if (client := self._usable_client()) is not None:
                return client
            dialling = self._dial_soon()
            # Waits without taking part: whoever gives up leaves the dial to the others.
            await asyncio.wait({dialling})
            if dialling.cancelled():
                raise TelegramUnavailable
            if (obstacle := dialling.result()) is not None:
                raise obstacle

    def _dial_soon(self) -> asyncio.Task[VasyaError | None]:
        """Return the dial under way, or begin one."""
        if self._dialling is None or self._dialling.done():
            self._dialling = asyncio.create_task(self._dial())
        return self._dialling

    async def _dial(self) -> VasyaError | None:
        """Dial once, after the pause that earlier failures ask for; return what no further dial would change."""
        client = None
        try:
            await asyncio.sleep(pause_secs(self._failures))
            client = await self._new_client()
            async with asyncio.timeout(self._settings.connect_deadline_secs):
                await client.connect()
            await self._greeted(client)
        except asyncio.CancelledError:
            await self._abandon(client)
            raise
        except VasyaError as error:
            self._failures += 1
            await self._abandon(client)
            return error
        except Exception as error:  # noqa: BLE001 — whatever a broken peer makes Telethon raise is a failed dial, and those who wait must hear of it
            await self._abandon(client)
            return await self._failed(error)
        else:
            self._client, self._is_unreachable = client, False
            return None

    async def _failed(self, error: Exception) -> VasyaError | None:
        self._failures += 1
        self._is_unreachable = True
        _log.info("dial failed (%s)", type(error).__name__, extra={"attempt": self._failures})
        if is_session_over(error) or isinstance(error, tg.RPCError):
            return await self._refused(error)
        if isinstance(error, AddressRefused):
            return TelegramUnavailable(
                detail="The session belongs to a data centre that this server may not dial."
            )
        return None

    async def _refused(self, error: BaseException, request: TLRequest | None = None) -> VasyaError:
        if is_session_over(error):
            await self._session_over()
        refusal = domain_error(error)
        if self.breakers is not None and request is not None:
            await self.breakers.note(request, refusal)
        return refusal

    def _late(self) -> VasyaError:
        """Tell a data centre that could not be reached from one that does not answer, or is being dialled anew."""
        is_down = self._is_unreachable and not self.is_connected
        return TelegramUnavailable() if is_down else TelegramTimeout()

    def _is_unwanted(self, call: Call | None) -> bool:
        """Tell whether the connection ended because somebody here wanted it to."""
        return self._is_closed or (call is not None and call.client.is_discarded)

    def _suspect(self, call: Call | None) -> None:
        """Give a connection up that has not said a word since *call* was posted: the next call dials anew."""
        if call is not None and call.is_dispatched and call.is_unheard:
            self._lost(call.client)

    def _lost(self, client: Client) -> None:
        """Count a connection that broke, once, and clean up behind it."""
        if self._client is client:
            self._failures += 1
            self._rest()

    def _rest(self) -> None:
        """Let the connection go without waiting for it."""
        if (client := self._client) is not None:
            self._client = None
            self._end(client)

    def _end(self, client: Client) -> None:
        """Disconnect *client* without anybody waiting for it."""
        ending = asyncio.create_task(self._abandon(client))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    async def _discard(self, client: Client) -> None:
        """End a connection on purpose."""
        client.is_discarded = True
        if self._client is client:
            self._client = None
        await client.disconnect()

    async def _abandon(self, client: Client | None) -> None:
        if client is not None:
            await client.disconnect()
