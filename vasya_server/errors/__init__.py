"""Every way in which Vasya says no, as types that code can branch on.

```
VasyaError
├── Unauthenticated            MissingToken
│   └── InvalidCredential      InvalidToken · KeyRevoked · KeyExpired · TokenExpired
├── PermissionDenied           AccessDenied · ScopeRequired (ScopeDisabled) · HumanRequired · AgentKeyRequired · SendingDisabled
│                              ChatNotAllowed · ContentNotAllowed · ServiceChat · ControlLine · ApprovalRequired
├── LimitReached               RateLimited · AuthRateLimited · TooManyStreams · TooManyTransfers · TooManyDownloads
├── BudgetExhausted
├── NotFound                   ChatNotFound · MessageNotFound · MediaNotFound · UploadNotFound · LoginNotFound
│                              FolderNotFound · DeviceNotFound · LinkNotFound
│                              MemberNotFound · JoinRequestNotFound · TopicNotFound
├── Conflict                   AccountAmbiguous · AccountExists · AccountReauthRequired
│                              SessionUnreadable · TooManyUploads · TooManyKeys · KeyEnded · OutcomeUnknown · ClaimInProgress · IdempotencyKeyStale
│                              CursorExpired · TooManyWebhooks · EventGone · ActionState · ActionStale · TooManyActions
│                              UndoExpired · OwnerActive · OwnDevice · SessionTooNew · ChatHasNoTopics
│                              UndoExpired · OwnerActive · OwnDevice · SessionTooNew
│                              OwnerMustTransferOrDelete · JoinRequestSent
├── InvalidInput               ValidationFailed (UnknownScope · EmptyAllowlist) · KeyReused · PhoneInvalid · CodeInvalid · CodeExpired
│                              PasswordInvalid · SessionInvalid · SignupRequired · CredentialsMissing
│                              FolderUnsuitable · OutboundRefused
├── TelegramError              FloodWait · SlowMode · AccountSpamLimited · AccountFrozen · ChatWriteForbidden
│                              ChatProtected · AdminRequired · Withheld · TelegramTimeout · TelegramUnavailable
├── OutboundFailed
├── Unavailable                KeychainLocked · StorageFailed · AuditUnavailable · ShuttingDown
└── StartupRefused             ConfigurationInvalid · MasterKeyMismatch · DataDirLocked   (never over HTTP)
```

What only HTTP can get wrong (hosts, sizes, media types) is in `api/refusals.py`. A class is one stable `code`; `api/problems.py` alone decides which HTTP status it has. Messages are constant sentences
that a client may see: no phone number, message text or secret is ever put into one.
"""

from __future__ import annotations

from vasya_server.errors.access import (
    AccessDenied,
    AgentKeyRequired,
    ApprovalRequired,
    AuthRateLimited,
    BudgetExhausted,
    ChatNotAllowed,
    ChatNotFound,
    ContentNotAllowed,
    ControlLine,
    DeviceNotFound,
    FolderNotFound,
    HumanRequired,
    InvalidCredential,
    InvalidToken,
    JoinRequestNotFound,
    KeyExpired,
    KeyRevoked,
    LimitReached,
    LinkNotFound,
    LoginNotFound,
    MediaNotFound,
    MemberNotFound,
    MessageNotFound,
    MissingToken,
    NotFound,
    PermissionDenied,
    RateLimited,
    ScopeDisabled,
    ScopeRequired,
    SendingDisabled,
    ServiceChat,
    TokenExpired,
    TooManyDownloads,
    TooManyStreams,
    TooManyTransfers,
    TopicNotFound,
    Unauthenticated,
    UploadNotFound,
)
from vasya_server.errors.base import (
    VasyaError,
)
from vasya_server.errors.outbound import OutboundFailed, OutboundRefused
from vasya_server.errors.requests import (
    AccountAmbiguous,
    AccountChoice,
    AccountExists,
    AccountReauthRequired,
    ActionStale,
    ActionState,
    ChatHasNoTopics,
    ClaimInProgress,
    CodeExpired,
    CodeInvalid,
    Conflict,
    CredentialsMissing,
    CursorExpired,
    EmptyAllowlist,
    EventGone,
    FieldError,
    FolderUnsuitable,
    IdempotencyKeyStale,
    InvalidInput,
    JoinRequestSent,
    KeyEnded,
    KeyReused,
    OutcomeUnknown,
    OwnDevice,
    OwnerActive,
    OwnerMustTransferOrDelete,
    PasswordInvalid,
    PhoneInvalid,
    SessionInvalid,
    SessionTooNew,
    SessionUnreadable,
    SignupRequired,
    TooManyActions,
    TooManyKeys,
    TooManyUploads,
    TooManyWebhooks,
    UndoExpired,
    UnknownScope,
    ValidationFailed,
)
from vasya_server.errors.server import (
    AuditUnavailable,
    ConfigurationInvalid,
    DataDirLocked,
    KeychainLocked,
    MasterKeyMismatch,
    ShuttingDown,
    StartupRefused,
    StorageFailed,
    Unavailable,
)
from vasya_server.errors.telegram import (
    AccountFrozen,
    AccountSpamLimited,
    AdminRequired,
    ChatProtected,
    ChatWriteForbidden,
    FloodWait,
    SlowMode,
    TelegramError,
    TelegramTimeout,
    TelegramUnavailable,
    Withheld,
)

__all__ = [
    "AccessDenied",
    "AccountAmbiguous",
    "AccountChoice",
    "AccountExists",
    "AccountFrozen",
    "AccountReauthRequired",
    "AccountSpamLimited",
    "ActionStale",
    "ActionState",
    "AdminRequired",
    "AgentKeyRequired",
    "ApprovalRequired",
    "AuditUnavailable",
    "AuthRateLimited",
    "BudgetExhausted",
    "ChatHasNoTopics",
    "ChatNotAllowed",
    "ChatNotFound",
    "ChatProtected",
    "ChatWriteForbidden",
    "ClaimInProgress",
    "CodeExpired",
    "CodeInvalid",
    "ConfigurationInvalid",
    "Conflict",
    "ContentNotAllowed",
    "ControlLine",
    "CredentialsMissing",
    "CursorExpired",
    "DataDirLocked",
    "DeviceNotFound",
    "EmptyAllowlist",
    "EventGone",
    "FieldError",
    "FloodWait",
    "FolderNotFound",
    "FolderUnsuitable",
    "HumanRequired",
    "IdempotencyKeyStale",
    "InvalidCredential",
    "InvalidInput",
    "InvalidToken",
    "JoinRequestNotFound",
    "JoinRequestSent",
    "KeyEnded",
    "KeyExpired",
    "KeyReused",
    "KeyRevoked",
    "KeychainLocked",
    "LimitReached",
    "LinkNotFound",
    "LoginNotFound",
    "MasterKeyMismatch",
    "MediaNotFound",
    "MemberNotFound",
    "MessageNotFound",
    "MissingToken",
    "NotFound",
    "OutboundFailed",
    "OutboundRefused",
    "OutcomeUnknown",
    "OwnDevice",
    "OwnerActive",
    "OwnerMustTransferOrDelete",
    "PasswordInvalid",
    "PermissionDenied",
    "PhoneInvalid",
    "RateLimited",
    "ScopeDisabled",
    "ScopeRequired",
    "SendingDisabled",
    "ServiceChat",
    "SessionInvalid",
    "SessionTooNew",
    "SessionUnreadable",
    "ShuttingDown",
    "SignupRequired",
    "SlowMode",
    "StartupRefused",
    "StorageFailed",
    "TelegramError",
    "TelegramTimeout",
    "TelegramUnavailable",
    "TokenExpired",
    "TooManyActions",
    "TooManyDownloads",
    "TooManyKeys",
    "TooManyStreams",
    "TooManyTransfers",
    "TooManyUploads",
    "TooManyWebhooks",
    "TopicNotFound",
    "Unauthenticated",
    "Unavailable",
    "UndoExpired",
    "UnknownScope",
    "UploadNotFound",
    "ValidationFailed",
    "VasyaError",
    "Withheld",
]
