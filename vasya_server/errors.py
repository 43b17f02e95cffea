"""Every way in which Vasya says no, as types that code can branch on.

```
VasyaError
├── Unauthenticated            MissingToken · InvalidToken
├── PermissionDenied           AccessDenied · ScopeRequired · HumanRequired · SendingDisabled
├── NotFound                   ChatNotFound · MessageNotFound · MediaNotFound · UploadNotFound · LoginNotFound
├── Conflict                   AccountAmbiguous · AccountExists · AccountReauthRequired
│                              SessionUnreadable · TooManyUploads · OutcomeUnknown · ClaimInProgress · IdempotencyKeyStale
├── InvalidInput               ValidationFailed · KeyReused · PhoneInvalid · CodeInvalid · CodeExpired
│                              PasswordInvalid · SessionInvalid · SignupRequired · CredentialsMissing
├── TelegramError              FloodWait · SlowMode · AccountSpamLimited · AccountFrozen · ChatWriteForbidden
│                              ChatProtected · AdminRequired · TelegramTimeout · TelegramUnavailable
├── Unavailable                KeychainLocked · StorageFailed · AuditUnavailable · ShuttingDown
└── StartupRefused             ConfigurationInvalid · MasterKeyMismatch · DataDirLocked   (never over HTTP)
```

What only HTTP can get wrong (hosts, sizes, media types) is in `api/refusals.py`. A class is one stable `code`; `api/problems.py` alone decides which HTTP status it has. Messages are constant sentences
that a client may see: no phone number, message text or secret is ever put into one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from vasya_server.model.chat import Candidate


class VasyaError(Exception):
    """The base of all: catching it means "a refusal with a stable code", never "a bug".

    Args:
        detail: A sentence for the client where the class's own says too little. Never contains user data.
        remedy: What the caller has to do, where it is more exact than the code's own remedy.

    `is_retryable` says what the code's own row would say wrongly here, and `action_id` which action was refused; whoever
    knows them sets them.
    """

    code: ClassVar[str]
    detail: str

    def __init__(self, detail: str | None = None, *, remedy: str | None = None) -> None:
        self.detail = detail or type(self).detail
        self.remedy = remedy
        self.is_retryable: bool | None = None
        self.action_id: str | None = None
        super().__init__(self.detail)


class Unauthenticated(VasyaError):
    """No principal can be told from the request."""


class MissingToken(Unauthenticated):
    """The request carries no credential at all."""

    code = "missing_token"
    detail = "The request carries no bearer token."


class InvalidToken(Unauthenticated):
    """The credential is malformed, unknown or in the wrong place; which of them is not told."""

    code = "invalid_token"
    detail = "The bearer token is not valid here."


class PermissionDenied(VasyaError):
    """The principal is known and may not do this."""


class AccessDenied(PermissionDenied):
    """Not yours, outside the credential's list, or not there at all: one answer for all three (D-5.1)."""

    code = "access_denied"
    detail = "This credential has no access to that resource."


class ScopeRequired(PermissionDenied):
    """The route's scope is not among the credential's."""

    code = "scope_required"
    detail = "The credential lacks the scope that this operation needs."

    def __init__(self, required_scope: str) -> None:
        super().__init__()
        self.required_scope = required_scope


class HumanRequired(PermissionDenied):
    """Only a human's credential may do this."""

    code = "human_required"
    detail = "Only a human's credential may do this; agent keys may not."


class SendingDisabled(PermissionDenied):
    """A gate between the caller and Telegram is closed: the server's or the account's."""

    code = "sending_disabled"
    detail = "Sending is switched off."


class NotFound(VasyaError):
    """Something below a resource that the caller may see is not there."""


class ChatNotFound(NotFound):
    """The account knows no chat by that reference; *candidates* are its own dialogs that come close."""

    code = "chat_not_found"
    detail = "The account knows no such chat."

    def __init__(self, candidates: tuple[Candidate, ...] = (), detail: str | None = None) -> None:
        super().__init__(detail)
        self.candidates = candidates


class MessageNotFound(NotFound):
    """The chat holds no message of that id (it may have been deleted)."""

    code = "message_not_found"
    detail = "The chat holds no such message."


class MediaNotFound(NotFound):
    """The message carries no file, or none of that kind."""

    code = "media_not_found"
    detail = "The message carries no such file."


class UploadNotFound(NotFound):
    """No upload has that id: expired, of another credential or account, or never made."""

    code = "upload_not_found"
    detail = "This credential has no such upload, or it has expired."


class LoginNotFound(NotFound):
    """No login is in progress under that id: never begun, finished, cancelled or timed out."""

    code = "login_not_found"
    detail = "No login is in progress under that id."


class Conflict(VasyaError):
    """The request is sound, but not in the present state."""


@dataclass(frozen=True, slots=True)
class AccountChoice:
    """One account that `me` could have meant."""

    account_id: str
    alias: str | None


class AccountAmbiguous(Conflict):
    """`me` was said where the credential reaches several accounts, or none."""

    code = "account_ambiguous"
    detail = "The credential does not reach exactly one account, so `me` names none."

    def __init__(self, choices: tuple[AccountChoice, ...]) -> None:
        super().__init__()
        self.choices = choices


class AccountExists(Conflict):
    """A session was imported for a Telegram user whose account is connected already."""

    code = "account_exists"
    detail = "This Telegram user's account is here already and connected."


class AccountReauthRequired(Conflict):
    """Telegram ended the session (revoked, expired, used twice, user deactivated): only a new login helps."""

    code = "account_reauth_required"
    detail = "Telegram has ended this account's session; the account must be logged in again."


class SessionUnreadable(Conflict):
    """The sealed session of this one account cannot be opened with the master key."""

    code = "session_unreadable"
    detail = "The stored session of this account cannot be opened."


class TooManyUploads(Conflict):
    """The account has as many uploads as are kept at one time."""

    code = "too_many_uploads"
    detail = "The account has too many uploads that have not expired."


class OutcomeUnknown(Conflict):
    """The mutation left for Telegram and no answer came back: it may have happened."""

    code = "outcome_unknown"
    detail = "Telegram did not answer in time, so the operation may or may not have happened."
    retry_after_secs: int | None = 5


class ClaimInProgress(Conflict):
    """The same request with the same `Idempotency-Key` is under way (D-6.4)."""

    code = "idempotency_in_progress"
    detail = "The same request with this Idempotency-Key is still under way."
    retry_after_secs = 1

    def __init__(self, action_id: str) -> None:
        super().__init__()
        self.action_id = action_id


class IdempotencyKeyStale(Conflict):
    """The same request was carried out too long ago for its answer to be here; Telegram did not do it again (D-6.9).

    Args:
        message_id: What it made then.
    """

    code = "idempotency_key_stale"
    detail = (
        "This Idempotency-Key was used for the same request before, and nothing was done again."
    )

    def __init__(self, message_id: int) -> None:
        super().__init__()
        self.message_id = message_id


class InvalidInput(VasyaError):
    """The request is well-formed and says something that cannot be done."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field of a request.

    Args:
        pointer: JSON Pointer (RFC 6901) into the body, or `?name` for a query parameter, or `{name}` for a path parameter.
        code: What is wrong with it, in snake_case: `missing`, `unknown`, `repeated`, `out_of_range`, `wrong_type`, …
        allowed: The values or names that would have been right, where they can be listed.
    """

    pointer: str
    code: str
    allowed: tuple[str, ...] = ()


class ValidationFailed(InvalidInput):
    """One or more fields or parameters are wrong; *errors* says which."""

    code = "validation_failed"
    detail = "The request has fields or parameters that are not valid."

    def __init__(self, *errors: FieldError, detail: str | None = None) -> None:
        super().__init__(detail)
        self.errors = errors


class KeyReused(InvalidInput):
    """The `Idempotency-Key` stands for another request (D-6.2)."""

    code = "idempotency_key_reused"
    detail = "This Idempotency-Key was used for another request."

    def __init__(self, action_id: str) -> None:
        super().__init__()
        self.action_id = action_id


class PhoneInvalid(InvalidInput):
    """Telegram does not take this phone number."""

    code = "phone_invalid"
    detail = "Telegram does not accept this phone number."


class CodeInvalid(InvalidInput):
    """The login code is wrong; the login goes on."""

    code = "code_invalid"
    detail = "The login code is wrong."


class CodeExpired(InvalidInput):
    """The login code is no longer accepted; a new one has to be asked for."""

    code = "code_expired"
    detail = "The login code has expired."


class PasswordInvalid(InvalidInput):
    """The two-step verification password is wrong; the login goes on."""

    code = "password_invalid"
    detail = "The two-step verification password is wrong."


class SessionInvalid(InvalidInput):
    """The imported string is not a session, or Telegram does not know it."""

    code = "session_invalid"
    detail = "This is not a session string that Telegram accepts."


class SignupRequired(InvalidInput):
    """The phone number has no Telegram account; Vasya does not create any."""

    code = "signup_required"
    detail = "This phone number has no Telegram account."


class CredentialsMissing(InvalidInput):
    """Neither the server nor the owner has a Telegram api id and hash."""

    code = "telegram_credentials_missing"
    detail = "No Telegram api id and api hash are set."


class TelegramError(VasyaError):
    """Telegram refused the call; *rpc_name* is its own name for the refusal, without arguments."""

    code = "telegram_error"
    detail = "Telegram refused the operation."

    def __init__(self, rpc_name: str | None = None, detail: str | None = None) -> None:
        super().__init__(detail)
        self.rpc_name = rpc_name


class FloodWait(TelegramError):
    """Telegram asks for a pause before this method may be called again; it is never slept through."""

    code = "telegram_flood_wait"
    detail = "Telegram asks to wait before this is done again."

    def __init__(self, retry_after_secs: int, rpc_name: str = "FLOOD_WAIT") -> None:
        super().__init__(rpc_name)
        self.retry_after_secs = retry_after_secs


class SlowMode(FloodWait):
    """The chat's slow mode asks for a pause before the next message there."""

    code = "telegram_slowmode"
    detail = "The chat is in slow mode."


class AccountSpamLimited(TelegramError):
    """Telegram limits the account for writing to strangers (PEER_FLOOD)."""

    code = "account_spam_limited"
    detail = "Telegram has limited this account for contacting strangers."


class AccountFrozen(TelegramError):
    """Telegram has frozen the account (FROZEN_METHOD_INVALID)."""

    code = "account_frozen"
    detail = "Telegram has frozen this account."


class ChatWriteForbidden(TelegramError):
    """The account may not write, or not this, in the chat."""

    code = "chat_write_forbidden"
    detail = "The account may not do this in that chat."


class ChatProtected(TelegramError):
    """The chat's content may not be forwarded or saved."""

    code = "chat_protected"
    detail = "The chat's content is protected from forwarding and saving."


class AdminRequired(TelegramError):
    """Only an administrator of the chat may do this."""

    code = "admin_required"
    detail = "Only an administrator of the chat may do this."


class TelegramTimeout(TelegramError):
    """Telegram did not answer a read within its deadline."""

    code = "telegram_timeout"
    detail = "Telegram did not answer in time."


class TelegramUnavailable(TelegramError):
    """The data centre cannot be reached, or fails."""

    code = "telegram_unavailable"
    detail = "Telegram cannot be reached."


class Unavailable(VasyaError):
    """The server cannot do this now, whatever is asked."""


class KeychainLocked(Unavailable):
    """The OS keychain that holds the master key is locked."""

    code = "keychain_locked"
    detail = "The keychain that holds the master key is locked."


class StorageFailed(Unavailable):
    """The database cannot be written: the disk is full, or fails."""

    code = "storage_failed"
    detail = "The server cannot write to its storage."


class AuditUnavailable(Unavailable):
    """The audit log cannot be written, so nothing that has to be written down may begin (D-7.4).

    Args:
        is_stored: The change is in the database and its line will follow; False means that nothing is stored.
    """

    code = "audit_unavailable"
    detail = "The server cannot write its audit log, so nothing is changed."

    def __init__(self, *, is_stored: bool = False) -> None:
        super().__init__()
        self.is_stored = is_stored


class ShuttingDown(Unavailable):
    """The server is on its way down."""

    code = "shutting_down"
    detail = "The server is shutting down."


class StartupRefused(VasyaError):
    """The program must not start; *exit_code* tells its caller why (sysexits.h)."""

    exit_code: ClassVar[int]


class ConfigurationInvalid(StartupRefused):
    """A setting, a file's permissions or a key is missing, wrong or unsafe (EX_CONFIG)."""

    code = "configuration_invalid"
    detail = "The configuration is not valid."
    exit_code = 78


class MasterKeyMismatch(ConfigurationInvalid):
    """The master key is sound, but it is not the one that sealed this data dir (D-4.7)."""

    code = "master_key_mismatch"
    detail = "The session master key is not the one that sealed this data dir; nothing was changed."


class DataDirLocked(StartupRefused):
    """Another process holds the data dir (EX_TEMPFAIL)."""

    code = "data_dir_locked"
    detail = "Another Vasya process holds this data dir."
    exit_code = 75
