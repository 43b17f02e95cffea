"""One login in progress: a connection with a key of its own, and the conversation that makes it somebody's."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from telethon import errors as tg
from telethon import functions, password, types

from vasya_server.errors import (
    FieldError,
    LoginNotFound,
    SignupRequired,
    TelegramError,
    TelegramUnavailable,
    ValidationFailed,
    VasyaError,
)
from vasya_server.model.account import mask_phone
from vasya_server.model.login import CodeSent, LoginState, QrCode
from vasya_server.telegram.client import Client
from vasya_server.telegram.errors import WIRE_ERRORS, ConnectionLost, domain_error
from vasya_server.telegram.inbox import LoginInbox
from vasya_server.telegram.link import Link
from vasya_server.telegram.login_token import svg_of, url_of
from vasya_server.telegram.session import VaultSession
from vasya_server.telegram.untrusted import sanitize

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterator

    from telethon.tl.tlobject import TLRequest

    from vasya_server.clock import Clock
    from vasya_server.ids import AccountId, OwnerId
    from vasya_server.model.login import CodeType
    from vasya_server.sessions.vault import SessionState
    from vasya_server.settings import Settings
    from vasya_server.telegram.endpoint import Endpoint

T = TypeVar("T")

# A token is shown to a camera: one that dies within a second is renewed first.
_TOKEN_MARGIN: Final = timedelta(seconds=1)
_FAREWELL_SECS: Final = 3.0

_CODE_TYPES: Final[dict[type, CodeType]] = {
    types.auth.SentCodeTypeApp: "app",
    types.auth.SentCodeTypeSms: "sms",
    types.auth.SentCodeTypeCall: "call",
    types.auth.SentCodeTypeFlashCall: "flash_call",
    types.auth.SentCodeTypeMissedCall: "missed_call",
    types.auth.SentCodeTypeEmailCode: "email",
    types.auth.SentCodeTypeFragmentSms: "fragment",
    types.auth.SentCodeTypeSmsWord: "sms_word",
    types.auth.SentCodeTypeSmsPhrase: "sms_phrase",
    types.auth.SentCodeTypeFirebaseSms: "firebase_sms",
}


class Step(StrEnum):
    """What the login waits for."""

    CODE = "code_sent"
    QR = "qr_waiting"
    PASSWORD = "password_required"  # noqa: S105 — a step's name
    DONE = "authorized"


class SignIn(Link):
    """One login, until it is somebody's account, given up, or too old.

    Args:
        subject: The credential that began it, to whom alone it is there.
        application: The Telegram api id and hash that it uses.
    """

    def __init__(
        self,
        account_id: AccountId,
        owner: OwnerId,
        subject: str,
        *,
        endpoint: Endpoint,
        application: tuple[int, str],
        settings: Settings,
        clock: Clock,
    ) -> None:
        super().__init__(settings, clock)
        self.account_id = account_id
        self.owner = owner
        self.subject = subject
        self.step = Step.CODE
        # Who it turned out to be.
        self.user: Any = None
        # One step at a time: the answer to one decides what the next may be.
        self._turn = asyncio.Lock()
        # When the step that has the turn must be done, on the loop's clock.
        self._ends_at = 0.0
        self._expires_at = clock.now() + timedelta(seconds=settings.login_ttl_secs)
        self._application = application
        home, self._endpoint = endpoint.home, endpoint
        self._session = VaultSession(dc_id=home.dc_id, host=home.host, port=home.port)
        self._phone = ""
        self._sent: Any = None
        self._token: Any = None
        self._token_client: Client | None = None
        self._news = LoginInbox()
        self._hint: str | None = None

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold the login for one step; waiting for the turn and all requests of the step share one deadline.

        Raises:
            TelegramTimeout: The steps before were not over by then.
        """
        ends_at = asyncio.get_running_loop().time() + self._settings.connect_deadline_secs
        try:
            async with asyncio.timeout_at(ends_at):
                await self._turn.acquire()
        except TimeoutError as error:
            raise self._late() from error
        try:
            self._ends_at = ends_at
            yield
        finally:
            self._turn.release()

    def session_state(self) -> SessionState:
        """Return the session for the vault, once it is somebody's."""
        return self._session.state(self.user.id)

    async def send_code(self, phone: str) -> CodeSent:
        """Have Telegram send a code to *phone*, given in digits.

        Raises:
            PhoneInvalid, FloodWait, TelegramError: Telegram does not.

        Source: https://core.telegram.org/method/auth.sendCode
        """
        self._phone = phone
        api_id, api_hash = self._application
        request = functions.auth.SendCodeRequest(phone, api_id, api_hash, types.CodeSettings())
        try:
            sent = await self._ask(request)
        except tg.AuthRestartError:
            sent = await self._told(self._ask(request))
        except tg.RPCError as error:
            raise domain_error(error) from error
        return self._code_sent(sent)

    async def resend_code(self) -> CodeSent:
        """Have the code delivered by its next way.

        Source: https://core.telegram.org/method/auth.resendCode
        """
        self._expect(Step.CODE)
        request = functions.auth.ResendCodeRequest(self._phone, self._sent.phone_code_hash)
        return self._code_sent(await self._told(self._ask(request)))

    async def enter_code(self, code: str) -> None:
        """Try *code*; the step then says what comes next.

        Raises:
            CodeInvalid, CodeExpired, SignupRequired: Telegram does not take it.

        Source: https://core.telegram.org/method/auth.signIn
        """
        self._expect(Step.CODE)
        request = functions.auth.SignInRequest(self._phone, self._sent.phone_code_hash, code)
        await self._take(self._authorize(request))

    async def enter_password(self, text: str) -> None:
        """Prove the two-step password to Telegram, without sending it.

        Raises:
            PasswordInvalid: It is wrong.

        Source: https://core.telegram.org/api/srp
        """
        self._expect(Step.PASSWORD)
        try:
            await self._take(self._prove(text))
        except tg.SrpIdInvalidError:
            # The challenge was replaced between the two requests.
            await self._told(self._take(self._prove(text)))

    async def renew_token(self) -> None:
        """Get a QR token where there is none, it runs out, or Telegram has news of it.

        Source: https://core.telegram.org/api/qr-login
        """
        if self.step is not Step.QR or not self._needs_token():
            return
        api_id, api_hash = self._application
        await self._take(
            self._authorize(functions.auth.ExportLoginTokenRequest(api_id, api_hash, []))
        )

    def _needs_token(self) -> bool:
        # A push may have gone down with the connection that waited for it.
        if self._token is None or self._client is not self._token_client:
            return True
        left = self._token.expires - self._clock.now()
        return self._news.take() or bool(left <= _TOKEN_MARGIN) or not self.is_connected

    def begin_qr(self) -> None:
        """Wait for a phone's camera instead of a code."""
        self.step = Step.QR

    def qr_code(self) -> QrCode:
        """Return the token as something to show."""
        url = url_of(self._token.token)
        return QrCode(
            account_id=self.account_id, url=url, expires_at=self._token.expires, svg=svg_of(url)
        )

    def describe(self) -> LoginState:
        """Return where the login stands."""
        if self.step is Step.QR:
            code = self.qr_code()
            return LoginState(
                account_id=self.account_id,
                status=Step.QR.value,
                url=code.url,
                svg=code.svg,
                expires_at=code.expires_at,
            )
        if self.step is Step.PASSWORD:
            return LoginState(
                account_id=self.account_id,
                status=Step.PASSWORD.value,
                hint=self._hint and sanitize(self._hint).text,
                expires_at=self._expires_at,
            )
        sent = self._described_code()
        return LoginState(
            account_id=self.account_id,
            status=Step.CODE.value,
            phone=sent.phone,
            code_type=sent.code_type,
            code_length=sent.code_length,
            timeout_secs=sent.timeout_secs,
            expires_at=self._expires_at,
        )

    async def withdraw(self) -> None:
        """Give the login up: tell Telegram where it matters, and disconnect; a step under way ends with it."""
        if self.is_connected or self.user is not None:
            self._ends_at = asyncio.get_running_loop().time() + _FAREWELL_SECS
            for request in self._farewells():
                with contextlib.suppress(tg.RPCError, VasyaError):
                    await self._ask(request)
        await self.close()

    def _farewells(self) -> Iterator[TLRequest]:
        """Make what is said last; whether a step under way has logged the key in is looked at after the code is dead."""
        is_stepping = self._turn.locked()
        if self._sent is not None and self.step is Step.CODE:
            yield functions.auth.CancelCodeRequest(self._phone, self._sent.phone_code_hash)
        if self.user is not None or is_stepping:
            yield functions.auth.LogOutRequest()

    def _expect(self, step: Step) -> None:
        """Refuse a step that is not the one the login waits for.

        Raises:
            ValidationFailed: With the step that is.
        """
        if self.step is not step:
            raise ValidationFailed(FieldError("/accountId", "wrong_step", (self.step.value,)))

    async def _take(self, answering: Awaitable[Any]) -> None:
        """Go where Telegram's answer leads."""
        try:
            answer = await answering
            if isinstance(answer, types.auth.LoginTokenMigrateTo):
                answer = await self._follow(answer)
        except tg.SessionPasswordNeededError:
            found = await self._told(self._ask(functions.account.GetPasswordRequest()))
            self._hint = found.hint
            self.step = Step.PASSWORD
            return
        except tg.SrpIdInvalidError:
            raise
        except tg.RPCError as error:
            raise domain_error(error) from error
        if isinstance(answer, types.auth.AuthorizationSignUpRequired):
            raise SignupRequired
        if isinstance(answer, types.auth.LoginToken):
            self._token, self._token_client = answer, self._client
            return
        if isinstance(answer, types.auth.LoginTokenSuccess):
            answer = answer.authorization
        self.user = getattr(answer, "user", answer)
        self.step = Step.DONE

    async def _follow(self, answer: Any) -> Any:
        """Fetch the authorization from the data centre where the account lives."""
        client = await self._bounded(self._connected())
        await self._bounded(client.migrate(answer.dc_id))
        return await self._ask(functions.auth.ImportLoginTokenRequest(answer.token))

    async def _prove(self, text: str) -> Any:
        challenge = await self._ask(functions.account.GetPasswordRequest())
        try:
            # 100,000 rounds of a hash: off the loop.
            proof = await asyncio.to_thread(password.compute_check, challenge, text)
        except ValueError as error:
            raise TelegramError(
                detail="Telegram asks for a password proof of an unknown kind."
            ) from error
        return await self._authorize(functions.auth.CheckPasswordRequest(proof))

    async def _authorize(self, request: TLRequest) -> Any:
        """Send what may log this key in; where the answer is lost, ask who we are before doing it again."""
        try:
            return await self._bounded(self._once(request))
        except ConnectionLost:
            with contextlib.suppress(tg.UnauthorizedError):
                myself = functions.users.GetUsersRequest([types.InputUserSelf()])
                return (await self._ask(myself))[0]
            return await self._ask(request)

    async def _ask(self, request: TLRequest) -> Any:
        """Send *request*, once more after a lost connection; Telegram's refusals come as they are."""
        try:
            return await self._bounded(self._once(request))
        except ConnectionLost:
            pass
        try:
            return await self._bounded(self._once(request))
        except ConnectionLost as lost:
            raise TelegramUnavailable from lost

    async def _once(self, request: TLRequest) -> Any:
        answer = await (await self._connected())(request)
        self._failures = 0
        return answer

    async def _bounded(self, work: Awaitable[T]) -> T:
        """Wait for *work* until the step must be done."""
        try:
            async with asyncio.timeout_at(self._ends_at):
                return await work
        except TimeoutError as error:
            late = self._late()
            self._rest()
            raise late from error
        except ConnectionLost:
            raise
        except WIRE_ERRORS as error:
            raise TelegramUnavailable from error

    async def _told(self, answering: Awaitable[T]) -> T:
        """Turn Telegram's refusal into ours."""
        try:
            return await answering
        except tg.RPCError as error:
            raise domain_error(error) from error

    def _code_sent(self, sent: Any) -> CodeSent:
        if not isinstance(sent, types.auth.SentCode):
            raise TelegramError(detail="Telegram asks for something else than a code.")
        if type(sent.type) not in _CODE_TYPES:
            raise TelegramError(
                detail="Telegram asks for an email address first; set one up in Telegram's own app."
            )
        self._sent = sent
        return self._described_code()

    def _described_code(self) -> CodeSent:
        return CodeSent(
            account_id=self.account_id,
            phone=mask_phone(self._phone),
            code_type=_CODE_TYPES[type(self._sent.type)],
            code_length=getattr(self._sent.type, "length", None),
            timeout_secs=self._sent.timeout,
        )

    def _check_usable(self) -> None:
        if self._is_closed:
            raise LoginNotFound

    async def _new_client(self) -> Client:
        api_id, api_hash = self._application
        return Client(
            self._session,
            self._endpoint,
            api_id=api_id,
            api_hash=api_hash,
            greeting=functions.help.GetConfigRequest(),
            inbox=self._news,
            may_migrate=True,
        )
