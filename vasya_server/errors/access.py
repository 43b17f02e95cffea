"""Who may not, and what is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vasya_server.errors.base import VasyaError

if TYPE_CHECKING:
    from vasya_server.model.chat import Candidate


class Unauthenticated(VasyaError):
    """No principal can be told from the request."""


class MissingToken(Unauthenticated):
    """The request carries no credential at all."""

    code = "missing_token"
    detail = "The request carries no bearer token."


class InvalidCredential(Unauthenticated):
    """A credential was presented, and it is not good."""


class InvalidToken(InvalidCredential):
    """The credential is malformed, unknown or in the wrong place; which of them is not told."""

    code = "invalid_token"
    detail = "The bearer token is not valid here."


class KeyRevoked(InvalidCredential):
    """An agent key that was good and was ended; told only to whoever presents it whole (D-1.4)."""

    code = "key_revoked"
    detail = "This agent key has been revoked."


class KeyExpired(InvalidCredential):
    """An agent key that was good until its time was over; told only to whoever presents it whole (D-1.4)."""

    code = "key_expired"
    detail = "This agent key has expired."


class TokenExpired(InvalidCredential):
    """The JWT is genuine and was good until its time was over."""

    code = "token_expired"
    detail = "The bearer token has expired."


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


class ScopeDisabled(ScopeRequired):
    """The key was given the route's scope, and its owner has switched it off for every key."""

    code = "scope_disabled"
    detail = "The owner has switched this scope off for every agent key."


class HumanRequired(PermissionDenied):
    """Only a human's credential may do this."""

    code = "human_required"
    detail = "Only a human's credential may do this; agent keys may not."


class AgentKeyRequired(PermissionDenied):
    """Only an agent key may do this: end itself, or come in by MCP."""

    code = "agent_key_required"
    detail = "Only an agent key opens this; this credential is a human's."


class SendingDisabled(PermissionDenied):
    """A gate between the caller and Telegram is closed: the server's or the account's."""

    code = "sending_disabled"
    detail = "Sending is switched off."


class ApprovalRequired(PermissionDenied):
    """A human is asked before this is done; a dry run says so, and the change itself waits for the answer."""

    code = "approval_required"
    detail = "A human is asked before this is done."


class ContentNotAllowed(PermissionDenied):
    """A webhook is to carry texts and names, and the owner does not let them leave that way."""

    code = "content_not_allowed"
    detail = "The owner does not let webhooks carry content."


class ChatNotAllowed(PermissionDenied):
    """The credential's chat lists leave the chat out, or there is no such chat: one answer for both (D-5.3)."""

    code = "chat_not_allowed"
    detail = "This credential does not reach that chat for this."


class ServiceChat(PermissionDenied):
    """An agent reaches for what Telegram itself wrote to the account, where login codes are (D-11.6)."""

    code = "service_chat"
    detail = "Telegram's own notifications carry login codes; agents do not touch them."


class UndoWindowHolds(PermissionDenied):
    """The key's messages wait before they are sent, and it would have one sent at once."""

    code = "undo_window"
    detail = "Messages of this key wait before they are sent; only a human sends one at once."


class ControlLine(PermissionDenied):
    """An agent reaches for the owner's chat, where the owner's other devices decide."""

    code = "control_line"
    detail = "These messages are how the owner decides; agents neither write, read nor change them."


class LimitReached(VasyaError):
    """Too many, too fast; *retry_after_secs* says when the next is allowed."""

    retry_after_secs: int


class RateLimited(LimitReached):
    """A bucket of the caller's is empty; nothing was done (D-8.3).

    Args:
        violated: The names of the buckets.
    """

    code = "rate_limited"
    detail = "This credential has made too many requests; this one was not carried out."

    def __init__(
        self,
        violated: tuple[str, ...],
        retry_after_secs: int,
        remedy: str,
        detail: str | None = None,
    ) -> None:
        super().__init__(detail, remedy=remedy)
        self.violated = violated
        self.retry_after_secs = retry_after_secs


class BudgetExhausted(VasyaError):
    """What the human allows this key in 24 hours is used up; nothing was done.

    Args:
        violated: The names of the budgets.
        retry_after_secs: When enough of it is over; None: it never will be.
    """

    code = "budget_exhausted"
    detail = "What this key may send in 24 hours is used up; nothing was sent."

    def __init__(
        self, violated: tuple[str, ...], retry_after_secs: int | None, remedy: str
    ) -> None:
        super().__init__(remedy=remedy)
        self.violated = violated
        self.retry_after_secs = retry_after_secs
        self.is_retryable = retry_after_secs is not None


class AuthRateLimited(LimitReached):
    """The credential is wrong, as too many from that address were; one that is right is never refused for it."""

    code = "auth_rate_limited"
    detail = "Too many wrong credentials have come from this address."

    def __init__(self, retry_after_secs: int) -> None:
        super().__init__()
        self.retry_after_secs = retry_after_secs


class TooManyStreams(LimitReached):
    """As many event streams and waiting polls are open as there may be, of this key or of all (D-12.3)."""

    code = "too_many_streams"
    detail = "This agent key has as many event streams and waiting polls open as it may."
    retry_after_secs = 5


class TooManyTransfers(LimitReached):
    """As many files are on their way as there may be at once, of this key or of all."""

    code = "too_many_transfers"
    detail = "This agent key has as many files on their way as it may."
    retry_after_secs = 5
    closes_connection = True  # the file is not read


class TooManyDownloads(LimitReached):
    """As many downloads of the agent key are on the way as there may be (D-10.8)."""

    code = "too_many_downloads"
    detail = "This agent key has as many downloads on the way as it may."
    retry_after_secs = 5


class NotFound(VasyaError):
    """Something below a resource that the caller may see is not there."""


class ChatNotFound(NotFound):
    """The account knows no chat by that reference; *candidates* are its own dialogs that come close."""

    code = "chat_not_found"
    detail = "The account knows no such chat."

    def __init__(self, candidates: tuple[Candidate, ...] = (), detail: str | None = None) -> None:
        super().__init__(detail)
        self.candidates = candidates


class MemberNotFound(NotFound):
    """Nobody of that name or id is in the chat."""

    code = "member_not_found"
    detail = "There is no such member in the chat."


class JoinRequestNotFound(NotFound):
    """They do not ask to be let in: they never did, took it back, or somebody has decided already."""

    code = "join_request_not_found"
    detail = "Nobody of that name or id waits to be let into the chat."


class InviteNotFound(NotFound):
    """The chat has no such invite link."""

    code = "invite_not_found"
    detail = "The chat has no such invite link."


class MessageNotFound(NotFound):
    """The chat holds no message of that id (it may have been deleted)."""

    code = "message_not_found"
    detail = "The chat holds no such message."


class MediaNotFound(NotFound):
    """The message carries no file, or none of that kind."""

    code = "media_not_found"
    detail = "The message carries no such file."


class LinkNotFound(NotFound):
    """The link to a file opens nothing: it never did, its time is over, or whoever made it may not read that any more."""

    code = "link_not_found"
    detail = "There is no such link, or it opens nothing any more."


class UploadNotFound(NotFound):
    """No upload has that id: expired, of another credential or account, or never made."""

    code = "upload_not_found"
    detail = "This credential has no such upload, or it has expired."


class FolderNotFound(NotFound):
    """The account has no folder of that id (it may have been deleted)."""

    code = "folder_not_found"
    detail = "The account has no such folder."


class DeviceNotFound(NotFound):
    """No device that is logged in to the account has that hash."""

    code = "device_not_found"
    detail = "The account has no such device."


class TopicNotFound(NotFound):
    """The forum has no topic of that id (it may have been deleted)."""

    code = "topic_not_found"
    detail = "The chat has no such topic."


class LoginNotFound(NotFound):
    """No login is in progress under that id: never begun, finished, cancelled or timed out."""

    code = "login_not_found"
    detail = "No login is in progress under that id."
