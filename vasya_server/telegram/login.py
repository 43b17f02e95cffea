"""Logging Telegram accounts in: by code, by QR, with the two-step password, or from a session string.

A login in progress has a key of its own and a name (`accountId`) that becomes the account's, unless the owner has that
Telegram user already. It belongs to the credential that began it; to anybody else it is `LoginNotFound`, exactly like
one that never was, has ended, or grew too old: one answer for every miss tells nobody which logins there are (D-5.1).
Nothing is stored before Telegram has
said who it is.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import struct
from typing import TYPE_CHECKING, Any, Final

from telethon import functions, types
from telethon.sessions import StringSession

from vasya_server.errors import (
    AccountExists,
    CredentialsMissing,
    LoginNotFound,
    PhoneInvalid,
    SessionInvalid,
    TelegramError,
    TelegramTimeout,
)
from vasya_server.ids import AccountId, new_account_id
from vasya_server.model.login import Credentials, LoginState
from vasya_server.telegram.client import Client
from vasya_server.telegram.errors import FAILURES, domain_error, is_session_over
from vasya_server.telegram.profile import account_user, profile_of
from vasya_server.telegram.session import VaultSession
from vasya_server.telegram.sign_in import SignIn, Step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from vasya_server.clock import Clock
    from vasya_server.ids import OwnerId
    from vasya_server.model.login import CodeSent, QrCode
    from vasya_server.sessions.vault import SessionState, Vault
    from vasya_server.settings import Settings
    from vasya_server.telegram.accounts import Accounts
    from vasya_server.telegram.runtime import AccountRuntime

# Each holds a connection: a credential that begins a sixth gives up its first.
_MAX_PER_CREDENTIAL: Final = 5
_SHOWN_OF_HASH: Final = 2


class Logins:
    """The logins in progress; they live in memory only and do not outlast the process."""

    def __init__(self, accounts: Accounts, vault: Vault, settings: Settings, clock: Clock) -> None:
        self._accounts = accounts
        self._vault = vault
        self._settings = settings
        self._clock = clock
        self._begun: dict[AccountId, SignIn] = {}
        self._timers: dict[AccountId, asyncio.TimerHandle] = {}
        self._farewells: set[asyncio.Task[None]] = set()

    async def start_code(self, owner: OwnerId, subject: str, phone: str) -> CodeSent:
        """Begin a login by a code that Telegram sends to *phone*.

        Raises:
            CredentialsMissing: There is no api id to do it with.
            PhoneInvalid, FloodWait, TelegramError: Telegram sends none.
        """
        digits = "".join(character for character in phone if character in "0123456789")
        if not digits:
            raise PhoneInvalid
        login = await self._new(owner, subject)
        async with self._kept_if_begun(login):
            return await login.send_code(digits)

    async def start_qr(self, owner: OwnerId, subject: str) -> QrCode:
        """Begin a login by a QR code.

        Raises:
            CredentialsMissing: There is no api id to do it with.
        """
        login = await self._new(owner, subject)
        async with self._kept_if_begun(login):
            login.begin_qr()
            await login.renew_token()
            return login.qr_code()

    async def verify_code(
        self, owner: OwnerId, subject: str, account_id: str, code: str
    ) -> LoginState:
        """Hand over the code.

        Raises:
            LoginNotFound: No such login of this credential.
            CodeInvalid, CodeExpired, SignupRequired: Telegram does not take it; a wrong one may be corrected.
        """
        async with self._turn(owner, subject, account_id) as login:
            await login.enter_code(code.strip())
            return await self._settle(login)

    async def verify_password(
        self, owner: OwnerId, subject: str, account_id: str, password: str
    ) -> LoginState:
        """Hand over the two-step password.

        Raises:
            LoginNotFound: No such login of this credential.
            PasswordInvalid: It is wrong, and may be corrected.
        """
        async with self._turn(owner, subject, account_id) as login:
            await login.enter_password(password)
            return await self._settle(login)

    async def resend(self, owner: OwnerId, subject: str, account_id: str) -> CodeSent:
        """Have the code delivered by its next way.

        Raises:
            LoginNotFound: No such login of this credential.
        """
        async with self._turn(owner, subject, account_id) as login:
            return await login.resend_code()

    async def state(self, owner: OwnerId, subject: str, account_id: str) -> LoginState:
        """Tell where a login stands; a QR login learns here that it was accepted, and renews its token.

        Raises:
            LoginNotFound: No such login of this credential.
        """
        async with self._turn(owner, subject, account_id) as login:
            await login.renew_token()
            return await self._settle(login)

    async def cancel(self, owner: OwnerId, subject: str, account_id: str) -> None:
        """Give a login up, whatever step it is at; only one that is through becomes an account first.

        Raises:
            LoginNotFound: No such login of this credential.
        """
        await self._end(self._find(owner, subject, account_id))

    async def import_session(self, owner: OwnerId, text: str) -> LoginState:
        """Take over the account of a Telethon StringSession, once Telegram has confirmed it.

        Raises:
            SessionInvalid: It is none, or Telegram does not know it.
            AccountExists: The owner has this Telegram user's account, and it is connected.
        """
        session = self._parse(text)
        user = await self._confirm(owner, session)
        known = await self._accounts.of_user(owner, user.id)
        if known is not None and known.is_connected:
            raise AccountExists
        return await self._adopt(owner, session.state(user.id), user)

    async def credentials(self, owner: OwnerId) -> Credentials:
        """Tell which application the owner's logins use; the hash is masked."""
        own = await self._vault.credentials(owner)
        try:
            api_id, api_hash = await self._accounts.application(owner)
        except CredentialsMissing:
            return Credentials(source="none")
        hidden = "*" * (len(api_hash) - 2 * _SHOWN_OF_HASH)
        masked = f"{api_hash[:_SHOWN_OF_HASH]}{hidden}{api_hash[-_SHOWN_OF_HASH:]}"
        return Credentials(source="owner" if own else "server", api_id=api_id, api_hash=masked)

    async def set_credentials(self, owner: OwnerId, api_id: int, api_hash: str) -> Credentials:
        """Use the owner's own application for what begins from now on."""
        await self._vault.save_credentials(owner, api_id, api_hash)
        return await self.credentials(owner)

    async def erase_credentials(self, owner: OwnerId) -> None:
        """Go back to the server's application, where it has one."""
        await self._vault.erase_credentials(owner)

    async def close(self) -> None:
        """Give every login up without a word to Telegram, and end every task."""
        logins = list(self._begun.values())
        for login in logins:
            self._forget(login)
        await asyncio.gather(*(login.close() for login in logins))
        while self._farewells:
            await asyncio.wait(set(self._farewells))

    async def _new(self, owner: OwnerId, subject: str) -> SignIn:
        return SignIn(
            new_account_id(),
            owner,
            subject,
            endpoint=self._accounts.endpoint,
            application=await self._accounts.application(owner),
            settings=self._settings,
            clock=self._clock,
        )

    @contextlib.asynccontextmanager
    async def _kept_if_begun(self, login: SignIn) -> AsyncIterator[None]:
        """Keep a login whose first step went well; close any other."""
        try:
            async with login.turn():
                yield
        except BaseException:
            await login.close()
            raise
        own = [other for other in self._begun.values() if _is_of(other, login.owner, login.subject)]
        for other in own[: max(0, len(own) - _MAX_PER_CREDENTIAL + 1)]:
            self._give_up(other)
        self._begun[login.account_id] = login
        self._timers[login.account_id] = asyncio.get_running_loop().call_later(
            self._settings.login_ttl_secs, self._give_up, login
        )

    @contextlib.asynccontextmanager
    async def _turn(self, owner: OwnerId, subject: str, account_id: str) -> AsyncIterator[SignIn]:
        """Find a login and hold it for one step."""
        login = self._find(owner, subject, account_id)
        async with login.turn():
            self._check_begun(login)  # it may have ended while this step waited
            yield login

    def _find(self, owner: OwnerId, subject: str, account_id: str) -> SignIn:
        login = self._begun.get(AccountId(account_id))
        if login is None or not _is_of(login, owner, subject):
            raise LoginNotFound
        return login

    def _check_begun(self, login: SignIn) -> None:
        if login.account_id not in self._begun:
            raise LoginNotFound

    async def _settle(self, login: SignIn) -> LoginState:
        """Make an account of a login that is through, and tell where any other stands."""
        self._check_begun(login)  # it may have been given up while Telegram answered
        if login.step is not Step.DONE:
            return login.describe()
        # Before the account's own connection comes up: one key, one connection.
        await login.disconnect()
        state = await self._adopt(
            login.owner, login.session_state(), login.user, account_id=login.account_id
        )
        self._forget(login)
        await login.close()
        return state

    async def _adopt(
        self,
        owner: OwnerId,
        session: SessionState,
        user: Any,
        *,
        account_id: AccountId | None = None,
    ) -> LoginState:
        profile = profile_of(user)
        account: AccountRuntime = await self._accounts.adopt(
            owner, session, profile, account_id=account_id
        )
        return LoginState(account_id=account.id, status="authorized", user=account_user(profile))

    def _parse(self, text: str) -> VaultSession:
        """Read a session string as far as this process may use it."""
        try:
            base64.b64decode(text[1:], altchars=b"-_", validate=True)
            given = StringSession(text)
            key = given.auth_key.key if given.auth_key else None
        except (ValueError, TypeError, struct.error) as error:
            raise SessionInvalid from error
        endpoint = self._accounts.endpoint
        place = endpoint.place(given.dc_id, given.server_address, given.port)
        if key is None or not endpoint.allows(place.host, place.port):
            raise SessionInvalid
        return VaultSession(dc_id=place.dc_id, host=place.host, port=place.port, auth_key=key)

    async def _confirm(self, owner: OwnerId, session: VaultSession) -> Any:
        """Ask Telegram whose session it is."""
        api_id, api_hash = await self._accounts.application(owner)
        client = Client(
            session,
            self._accounts.endpoint,
            api_id=api_id,
            api_hash=api_hash,
            greeting=functions.users.GetUsersRequest([types.InputUserSelf()]),
        )
        try:
            async with asyncio.timeout(self._settings.connect_deadline_secs):
                await client.connect()
        except TimeoutError as error:
            raise TelegramTimeout from error
        except FAILURES as error:
            if is_session_over(error):
                raise SessionInvalid from error
            raise domain_error(error) from error
        finally:
            await client.disconnect()
        user = client.greeted[0]
        if user.bot:
            raise SessionInvalid("This session belongs to a bot, not to a person's account.")
        return user

    def _forget(self, login: SignIn) -> None:
        self._begun.pop(login.account_id, None)
        if (timer := self._timers.pop(login.account_id, None)) is not None:
            timer.cancel()

    def _give_up(self, login: SignIn) -> None:
        """End a login that nobody finishes."""
        if login.step is not Step.DONE:
            self._forget(login)
        farewell = asyncio.get_running_loop().create_task(self._end_quietly(login))
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)

    async def _end_quietly(self, login: SignIn) -> None:
        with contextlib.suppress(LoginNotFound, TelegramError):
            await self._end(login)

    async def _end(self, login: SignIn) -> None:
        """End *login* whatever it waits for; one that is through is about to be an account, and that is waited for.

        Raises:
            LoginNotFound: It has become one.
        """
        if login.step is Step.DONE and login.account_id in self._begun:
            async with login.turn():
                self._check_begun(login)
        self._forget(login)
        await login.withdraw()


def _is_of(login: SignIn, owner: OwnerId, subject: str) -> bool:
    return login.owner == owner and login.subject == subject
