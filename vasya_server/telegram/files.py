"""Files that lie in other data centres: a connection to each, dialled when it is needed.

Telegram keeps a file where whoever sent it is at home. The account shows itself there with a ticket from its own data
centre, on a key that lives as long as this process.

Source: https://core.telegram.org/api/datacenter
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from telethon import errors as tg
from telethon import functions

from vasya_server.errors import AccountReauthRequired, TelegramError, TelegramUnavailable
from vasya_server.telegram.client import Client
from vasya_server.telegram.link import Link
from vasya_server.telegram.session import VaultSession

if TYPE_CHECKING:
    from telethon.tl.tlobject import TLRequest

    from vasya_server.clock import Clock
    from vasya_server.settings import Settings
    from vasya_server.telegram.endpoint import Address, Endpoint
    from vasya_server.telegram.runtime import AccountRuntime

# Longer than the pauses within one download; a new connection to a known key costs a millisecond.
_IDLE_SECS: Final = 60.0


def moved_to(error: TelegramError) -> int | None:
    """Return the data centre where Telegram says the file is; None: it says nothing of the kind."""
    cause = error.__cause__
    return cause.new_dc if isinstance(cause, tg.FileMigrateError) else None


class FileCentre(Link):
    """One other data centre, as one account reaches it."""

    def __init__(
        self,
        account: AccountRuntime,
        dc_id: int,
        *,
        endpoint: Endpoint,
        settings: Settings,
        clock: Clock,
    ) -> None:
        super().__init__(settings, clock)
        self.breakers = account.breakers
        self._account = account
        self._dc_id = dc_id
        self._endpoint = endpoint
        self._auth_key: bytes | None = None

    def tend(self) -> None:
        """Let an idle connection go."""
        if self.is_connected and self.idle_secs >= _IDLE_SECS:
            self._rest()

    async def _new_client(self) -> Client:
        place = await self._place()
        api_id, api_hash = await self._account.application()
        greeting: TLRequest = functions.help.GetConfigRequest()
        if self._auth_key is None:
            ticket = await self._account.call(
                functions.auth.ExportAuthorizationRequest(self._dc_id)
            )
            greeting = functions.auth.ImportAuthorizationRequest(ticket.id, ticket.bytes)
        session = VaultSession(
            dc_id=self._dc_id, host=place.host, port=place.port, auth_key=self._auth_key
        )
        return Client(session, self._endpoint, api_id=api_id, api_hash=api_hash, greeting=greeting)

    async def _greeted(self, client: Client) -> None:
        self._auth_key = client.session.auth_key.key

    async def _session_over(self) -> None:
        # The key there is gone, which says nothing of the account: the next dial makes another.
        self._auth_key = None
        self._rest()

    async def _place(self) -> Address:
        config = await self._account.call(functions.help.GetConfigRequest())
        options = [
            option
            for option in config.dc_options
            if option.id == self._dc_id
            and not (option.cdn or option.tcpo_only or option.ipv6)
            and self._endpoint.allows(option.ip_address, option.port)
        ]
        if not options:
            raise TelegramUnavailable(
                detail="The file lies in a data centre that this server may not dial."
            )
        chosen = max(options, key=lambda option: bool(option.media_only))
        return self._endpoint.place(self._dc_id, chosen.ip_address, chosen.port)


class FileCentres:
    """The data centres from which one account fetches files."""

    def __init__(
        self, account: AccountRuntime, endpoint: Endpoint, settings: Settings, clock: Clock
    ) -> None:
        self._account = account
        self._endpoint = endpoint
        self._settings = settings
        self._clock = clock
        self._centres: dict[int, FileCentre] = {}

    async def call(self, request: TLRequest, *, dc_id: int, turn: int = 1) -> Any:
        """Ask the data centre *dc_id*.

        Args:
            turn: How many pieces are being asked for, this one included: it is given the time of all of them.

        Raises:
            TelegramError: As `Link.call`; `moved_to` tells whether the file lies elsewhere.
        """
        idle_secs = self._account.media_idle_secs * turn
        if dc_id == self._account.dc_id:
            return await self._account.call(request, deadline_secs=idle_secs)
        centre = self._centres.get(dc_id)
        if centre is None:
            centre = self._centres[dc_id] = FileCentre(
                self._account,
                dc_id,
                endpoint=self._endpoint,
                settings=self._settings,
                clock=self._clock,
            )
        try:
            return await centre.call(request, deadline_secs=idle_secs)
        except AccountReauthRequired as error:
            # Of this key alone: whether the account's own is over, its own connection says.
            raise TelegramUnavailable from error

    def tend(self) -> None:
        """Let idle connections go."""
        for centre in self._centres.values():
            centre.tend()

    async def close(self) -> None:
        """Close all of them for good; what is fetched later connects anew."""
        while self._centres:
            _, centre = self._centres.popitem()
            await centre.close()
