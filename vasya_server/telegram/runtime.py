"""One account while the server runs: its record, its connection, and what ends it."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from typing import TYPE_CHECKING, Final

from msgspec import UNSET
from telethon import functions, types

from vasya_server.errors import (
    AccessDenied,
    AccountReauthRequired,
    SessionUnreadable,
    StorageFailed,
    VasyaError,
)
from vasya_server.model.account import (
    Account,
    AccountPatch,
    AccountStatus,
    mask_phone,
)
from vasya_server.telegram.breakers import Breakers
from vasya_server.telegram.client import Client
from vasya_server.telegram.consumers import Consumers
from vasya_server.telegram.control_line import Line
from vasya_server.telegram.errors import is_session_over
from vasya_server.telegram.files import FileCentres
from vasya_server.telegram.following import Following
from vasya_server.telegram.link import Link
from vasya_server.telegram.owner_seen import OwnerSeen
from vasya_server.telegram.profile import account_user, profile_of
from vasya_server.telegram.scheduled import Heard
from vasya_server.telegram.session import VaultSession

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vasya_server.auth.principal import Principal
    from vasya_server.clock import Clock
    from vasya_server.events.log import EventLog
    from vasya_server.ids import AccountId, OwnerId
    from vasya_server.sessions.vault import AccountRecord, Profile, SessionState, Vault
    from vasya_server.settings import Settings
    from vasya_server.telegram.endpoint import Endpoint
    from vasya_server.telegram.inbox import Inbox

_log: Final = logging.getLogger(__name__)


class AccountRuntime(Link):
    """A Telegram account: everything that happens to it on this server goes through here.

    Args:
        application: Gives the api id and hash to connect with.
        on_gone: Told once, when the account has been erased.
    """

    def __init__(
        self,
        record: AccountRecord,
        *,
        vault: Vault,
        settings: Settings,
        clock: Clock,
        endpoint: Endpoint,
        events: EventLog,
        application: Callable[[OwnerId], Awaitable[tuple[int, str]]],
        on_gone: Callable[[AccountRuntime], None],
    ) -> None:
        super().__init__(settings, clock)
        self.record = record
        place = record.owner, record.id
        self.peers, self.uploads = vault.peers(*place), vault.uploads(*place)
        self.following = Following(self, vault, events)
        self.breakers: Breakers = Breakers(self, vault.breakers(*place), events, clock)
        self.consumers = Consumers(self._on_consumer)
        self.pinned, self.watching = self.consumers.pinned, self.consumers.watching
        self.scheduled, self.owner_seen, self.line = Heard(), OwnerSeen(), Line()
        # Whether somebody who guards it needs its connection.
        self.is_guarded: Callable[[], bool] = lambda: False
        self.files = FileCentres(self, endpoint, settings, clock)
        self._vault, self._endpoint = vault, endpoint
        self._application_of, self._on_gone = application, on_gone
        # A new session and the end of the account come one after the other.
        self._turn = asyncio.Lock()
        self._is_leaving = False
        # Ended here and at Telegram; what is left of it waits to be erased.
        self._is_gone = self._is_erased = False
        # Whether Telegram has ended the session of an account that is gone.
        self._is_logged_out = False
        self._farewells: set[asyncio.Task[None]] = set()
        # Disconnected by hand: not dialled again until somebody needs it, keep-connected or not.
        self._is_paused = False

    @property
    def id(self) -> AccountId:
        """The account's id."""
        return self.record.id

    @property
    def owner(self) -> OwnerId:
        """Whose account it is."""
        return self.record.owner

    @property
    def user_id(self) -> int:
        """The Telegram user that the account is; as `session`, where that cannot be told."""
        return self.session.user_id

    @property
    def dc_id(self) -> int:
        """The data centre where the account is at home; as `session`, where that cannot be told."""
        return self.session.dc_id

    @property
    def session(self) -> SessionState:
        """What it takes to be the account.

        Raises:
            SessionUnreadable: It does not open.
        """
        if self.record.session is None:
            raise SessionUnreadable
        return self.record.session

    @property
    def media_idle_secs(self) -> int:
        """How long one piece of a file may take."""
        return self._settings.media_idle_secs

    async def application(self) -> tuple[int, str]:
        """Return the api id and hash to connect with.

        Raises:
            CredentialsMissing: Nobody has set any.
        """
        return await self._application_of(self.owner)

    @property
    def status(self) -> AccountStatus:
        """Where the account stands with Telegram now; nothing is dialled to find out."""
        if self.record.is_unreadable:
            return AccountStatus.SESSION_UNREADABLE
        if self.record.needs_login or self._is_gone:
            return AccountStatus.REAUTH_REQUIRED
        if self.is_connected:
            return AccountStatus.CONNECTED
        return AccountStatus.CONNECTING if self.is_connecting else AccountStatus.DISCONNECTED

    def describe(self, who: Principal | None = None) -> Account:
        """Return the account as the API shows it to *who*; None: to a human."""
        record, status = self.record, self.status
        user, phone = None, None
        if (profile := record.profile) is not None:
            phone = mask_phone(profile.phone) if profile.phone else None
            user = account_user(profile)
        return Account(
            account_id=record.id,
            alias=record.alias,
            phone=phone,
            status=status,
            is_connected=status is AccountStatus.CONNECTED,
            can_send=record.can_send,
            keep_connected=record.keep_connected,
            restrictions=self.breakers.restrictions(who),
            user=user,
            created_at=record.created_at,
        )

    async def update(self, patch: AccountPatch) -> Account:
        """Change what *patch* names.

        Raises:
            ValidationFailed: The alias is taken or reserved.
            StorageFailed: It cannot be stored; a gate that was to close is closed all the same.
        """
        if patch.can_send is False:
            # Closing the gate reduces risk: it holds even where the disk does not take it.
            self.record = dataclasses.replace(self.record, can_send=False)
        try:
            await self._vault.update(
                self.id,
                alias=patch.alias,
                can_send=patch.can_send,
                keep_connected=patch.keep_connected,
            )
        except StorageFailed:
            if patch != AccountPatch(can_send=False):
                raise
            _log.warning("a closed gate is stored with its outcome", extra={"account_id": self.id})
        fields = {"alias", "can_send", "keep_connected"}
        given = {name: value for name in fields if (value := getattr(patch, name)) is not UNSET}
        self.record = dataclasses.replace(self.record, **given)
        return self.describe()

    async def disconnect(self) -> None:
        """Close the connection, and see what it has heard written down; the next use connects again."""
        self._is_paused = True
        await self.files.close()
        await super().disconnect()
        await self.following.ended()

    async def close(self) -> None:
        """Disconnect for good; no task is left behind."""
        for farewell in self._farewells:
            farewell.cancel()
        await super().close()
        await self.following.ended()
        if self._farewells:
            await asyncio.wait(set(self._farewells))

    @property
    def is_leaving(self) -> bool:
        """Whether its end has begun; it takes no new session any more."""
        return self._is_leaving

    async def renew(self, session: SessionState, profile: Profile) -> None:
        """Go on with another session of the same Telegram user; the old one is logged out behind the caller's back."""
        async with self._turn:
            replaced, was_over = self.record.session, self.record.needs_login
            await self._vault.save_session(self.id, session)
            await self._vault.save_profile(self.id, profile)
            await self._vault.mark_needs_login(self.id, value=False)
            # Before the old connection ends: whoever dials again then uses the new key.
            self.record = dataclasses.replace(
                self.record,
                session=session,
                profile=profile,
                needs_login=False,
                is_unreadable=False,
            )
            self._failures = 0
            await self.files.close()
            await super().disconnect()
            await self.following.ended()
        if replaced is None or was_over or replaced.auth_key == session.auth_key:
            return
        farewell = asyncio.create_task(self._end_session(replaced))
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)

    async def log_out(self) -> bool:
        """Log out at Telegram, then erase the account here, even where Telegram cannot be reached.

        A key that is erased opens nothing any more, so erasing is never refused; what Telegram was not told stays in
        the user's list of devices until it is ended there. Where the disk refuses, the account answers no more and
        is still there: repeating this erases it.

        Returns:
            Whether Telegram has ended the session.

        Raises:
            AccessDenied: It has been erased already.
            StorageFailed: It could not be erased yet.
        """
        self._is_leaving = True
        async with self._turn:
            if self._is_erased:
                raise AccessDenied
            try:
                if not self._is_gone:
                    self._is_logged_out = await self._log_out_at_telegram()
            finally:
                self._is_gone = True
                await self.close()
                await self._erase()
                self._is_erased = True
                self._on_gone(self)
        return self._is_logged_out

    async def _erase(self) -> None:
        try:
            await self._vault.erase(self.id)
        except StorageFailed as error:
            # It is gone from memory, and is erased with the outcome of its log-out, however late that is.
            _log.warning("an account is not erased yet (%s)", error.code)

    async def _log_out_at_telegram(self) -> bool:
        if self.record.needs_login:
            return True
        try:
            request = functions.auth.LogOutRequest()
            await self.call(request, deadline_secs=self._settings.connect_deadline_secs)
        except AccountReauthRequired:
            return True
        except VasyaError as error:
            _log.warning("erased without a log-out at Telegram (%s)", error.code)
            return False
        return True

    async def _end_session(self, session: SessionState) -> None:
        """Log a replaced session out at Telegram: its key would stay among the user's devices with nobody to use it."""
        client = None
        try:
            async with asyncio.timeout(self._settings.connect_deadline_secs):
                client = await self._client_for(session)
                await client.connect()
                await (await client.post(functions.auth.LogOutRequest())).answer()
        except Exception as error:  # noqa: BLE001 — nobody waits for it, and the user can end the session in Telegram's own app
            if not is_session_over(error):
                _log.warning("a replaced session was not logged out (%s)", type(error).__name__)
        finally:
            if client is not None:
                await client.disconnect()

    def tend(self) -> None:
        """Do what is due: disconnect an idle account, ask a silent connection for life, dial what is kept connected."""
        self.files.tend()
        if self._client is not None and self._client.is_connected():
            limit_secs = self._settings.idle_disconnect_secs
            if not self._is_wanted and self.idle_secs >= limit_secs:
                self._rest()
            else:
                self._client.keep_alive(time.monotonic())
        elif self._is_wanted and not self._is_paused and not self._is_dead:
            self._dial_soon()

    @property
    def _is_wanted(self) -> bool:
        is_followed = self.consumers.is_followed or self.is_guarded()
        return self.record.keep_connected or is_followed

    def _on_consumer(self) -> None:
        """Connect for whoever follows the account now, or have its channels looked at."""
        self._is_paused, self._used_at = False, self._clock.monotonic()
        self.following.look_around()

    @property
    def _is_dead(self) -> bool:
        return (
            self._is_closed
            or self._is_gone
            or self.record.needs_login
            or self.record.session is None
        )

    def _check_usable(self) -> None:
        if self._is_gone:
            raise AccessDenied
        super()._check_usable()
        if self.record.is_unreadable:
            raise SessionUnreadable
        if self.record.needs_login:
            raise AccountReauthRequired
        self._is_paused = False

    async def _new_client(self) -> Client:
        self._check_usable()
        return await self._client_for(self.session, self.following.listen())

    async def _client_for(self, session: SessionState, inbox: Inbox | None = None) -> Client:
        api_id, api_hash = await self.application()
        place = self._endpoint.place(session.dc_id, session.host, session.port)
        return Client(
            VaultSession(
                dc_id=place.dc_id,
                host=place.host,
                port=place.port,
                auth_key=session.auth_key,
                peers=self.peers,
            ),
            self._endpoint,
            api_id=api_id,
            api_hash=api_hash,
            # Proves the session where Telethon would only say hello, and brings the profile up to date.
            greeting=functions.users.GetUsersRequest([types.InputUserSelf()]),
            inbox=inbox,
        )

    async def _greeted(self, client: Client) -> None:
        self.following.begin(client)
        await self.note_profile(client.greeted[0])

    async def note_profile(self, user: object) -> None:
        """Remember the Telegram user that the account is, as it is now."""
        profile = profile_of(user)
        if profile == self.record.profile or profile.user_id != self.user_id:
            return
        self.record = dataclasses.replace(self.record, profile=profile)
        try:
            await self._vault.save_profile(self.id, profile)
        except VasyaError as error:
            _log.warning("a profile was not stored (%s)", error.code)

    async def _session_over(self) -> None:
        if self.record.needs_login or self._is_leaving:
            return
        self.record = dataclasses.replace(self.record, needs_login=True)
        _log.warning("Telegram has ended a session", extra={"account_id": self.id})
        self._rest()
        try:
            await self._vault.mark_needs_login(self.id, value=True)
        except VasyaError as error:
            # Known in memory, and found out again after a restart.
            _log.warning("a needed login was not stored (%s)", error.code)
