"""What contradicts the present state, and what was asked wrongly."""

from __future__ import annotations

from dataclasses import dataclass

from vasya_server.errors.base import VasyaError


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


class OwnDevice(Conflict):
    """The device that is to be logged out is this server's own session."""

    code = "own_device"
    detail = "This is the session by which this server serves the account."


class SessionTooNew(Conflict):
    """Telegram lets a session end others only when it has been logged in for a day."""

    code = "session_too_new"
    detail = "Telegram does not let this server's session end others yet: it was logged in less than a day ago."


class ChatHasNoTopics(Conflict):
    """Topics are asked for in a chat that is no forum."""

    code = "chat_has_no_topics"
    detail = "The chat is no forum, so that there are no topics in it."


class TranscriptUnavailable(Conflict):
    """Telegram does not transcribe it, and nobody else is asked."""

    code = "transcript_unavailable"
    detail = "Telegram does not transcribe this."


class TooManyUploads(Conflict):
    """The account has as many uploads as are kept at one time."""

    code = "too_many_uploads"
    detail = "The account has too many uploads that have not expired."


class TooManyKeys(Conflict):
    """The owner, or the key's lineage, has as many live agent keys as it may have."""

    code = "too_many_keys"
    detail = "There are as many live agent keys as there may be."


class ActionState(Conflict):
    """The action does not wait for this decision: somebody, or its time, has decided already."""

    code = "action_state"
    detail = "The action does not stand so that this can be done to it."

    def __init__(self, action_id: str, status: str | None = None) -> None:
        super().__init__(
            None if status is None else f"The action stands at {status}; that is not changed here."
        )
        self.action_id = action_id


class ActionStale(Conflict):
    """What was decided about is not what would be done now."""

    code = "action_stale"
    detail = "The action is not, or is not any more, what the digest stands for."

    def __init__(self, action_id: str, detail: str | None = None) -> None:
        super().__init__(detail)
        self.action_id = action_id


class TooManyActions(Conflict):
    """As many actions of this key, and of those it was rotated from, wait for a human as may."""

    code = "too_many_actions"
    detail = "Too many actions of this key wait for a human already; this one does not."


class TooManyWebhooks(Conflict):
    """The owner has as many webhooks as an owner may have."""

    code = "too_many_webhooks"
    detail = "There are as many webhooks as there may be."


class EventGone(Conflict):
    """A delivery cannot be repeated: its event is forgotten, was a test, or is not for this webhook any more."""

    code = "event_gone"
    detail = "The event of this delivery cannot be sent again."


class OwnerMustTransferOrDelete(Conflict):
    """The account owns the chat, which would be left without an owner."""

    code = "owner_must_transfer_or_delete"
    detail = "The account is the owner of this chat, and an owner does not leave."


class JoinRequestSent(Conflict):
    """The account has asked to join, and an administrator of the chat has to agree: it is not in yet."""

    code = "join_request_sent"
    detail = (
        "The chat lets nobody in without an administrator's consent; the account has asked for it."
    )
    retry_after_secs = 600


class UndoExpired(Conflict):
    """What was to be taken back has been sent: its time was over."""

    code = "undo_expired"
    detail = "The message was sent before it could be taken back."


class TooManyScheduled(Conflict):
    """As many messages wait for their time in the chat as Telegram lets wait."""

    code = "too_many_scheduled"
    detail = "As many messages wait in this chat as Telegram lets wait there."


class PollClosed(Conflict):
    """The poll takes no vote any more."""

    code = "poll_closed"
    detail = "The poll is closed; it takes no vote any more."


class AlreadyVoted(Conflict):
    """The account has voted, and this poll takes no other vote: a quiz, or one that says so."""

    code = "already_voted"
    detail = "The account has voted in this poll, which takes no other vote."


class OwnerActive(Conflict):
    """The owner wrote in the chat a moment ago, by another device: agents leave it to them for a while."""

    code = "owner_active"
    detail = "The owner has just written in this chat; agents do not write there for a while."

    def __init__(self, retry_after_secs: int) -> None:
        super().__init__()
        self.retry_after_secs = retry_after_secs


class KeyEnded(Conflict):
    """The agent key is revoked or has expired, so that it can be neither changed nor rotated."""

    code = "key_ended"
    detail = "This agent key is revoked or has expired; nothing brings it back."


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


class CursorExpired(Conflict):
    """Events behind the cursor have been forgotten, so that whoever goes on from it would miss some unknowingly.

    Args:
        oldest: The cursor from which on nothing is missing.
    """

    code = "cursor_expired"
    detail = "Events behind this cursor are not kept any more."

    def __init__(self, oldest: str, remedy: str | None = None) -> None:
        super().__init__(remedy=remedy)
        self.oldest = oldest


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


class UnknownScope(ValidationFailed):
    """A scope that does not exist was asked for (D-5.4)."""

    code = "unknown_scope"
    detail = "A scope that was asked for does not exist."


class EmptyAllowlist(ValidationFailed):
    """A list that would allow nothing was given; taken for no list, it would allow everything (D-5.5)."""

    code = "empty_allowlist"
    detail = "A list of what is allowed is empty."


class KeyReused(InvalidInput):
    """The `Idempotency-Key` stands for another request (D-6.2)."""

    code = "idempotency_key_reused"
    detail = "This Idempotency-Key was used for another request."

    def __init__(self, action_id: str) -> None:
        super().__init__()
        self.action_id = action_id


class FolderUnsuitable(InvalidInput):
    """A key cannot be bound to this folder: somebody or something else than its owner decides what is in it."""

    code = "folder_unsuitable"
    detail = "A key cannot be bound to this folder."


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
