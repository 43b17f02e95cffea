"""Every act that the log can hold; a name is part of the stored format, never changed and never given to another act."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What was done, as `subject:verb`."""

    ACCESS_DENIED = "access:denied"
    ACCOUNT_CONNECT = "account:connect"
    ACCOUNT_DELETE = "account:delete"
    ACCOUNT_DISCONNECT = "account:disconnect"
    ACCOUNT_UPDATE = "account:update"
    ACTION_CANCEL = "action:cancel"
    AUDIT_READ = "audit:read"
    AUDIT_VERIFY = "audit:verify"
    AUTH_FAILED = "auth:failed"
    CHAT_READ = "chat:read"
    CHAT_TYPING = "chat:typing"
    CREDENTIALS_ERASE = "credentials:erase"
    CREDENTIALS_SET = "credentials:set"
    KEY_CREATE = "key:create"
    KEY_REVOKE = "key:revoke"
    KEY_ROTATE = "key:rotate"
    KEY_ROW_TAMPERED = "key:row_tampered"
    KEY_UPDATE = "key:update"
    LOCKDOWN_BEGIN = "lockdown:begin"
    LOG_REOPENED = "log:reopened"
    LOG_TORN = "log:torn"
    LOGIN_CANCEL = "login:cancel"
    LOGIN_CODE = "login:code"
    LOGIN_PASSWORD = "login:password"  # noqa: S105 — an act, no password
    LOGIN_QR = "login:qr"
    LOGIN_RESEND = "login:resend"
    LOGIN_VERIFY = "login:verify"
    MEDIA_DOWNLOAD = "media:download"
    MEDIA_UPLOAD = "media:upload"
    MESSAGE_DELETE = "message:delete"
    MESSAGE_EDIT = "message:edit"
    MESSAGE_FORWARD = "message:forward"
    MESSAGE_PIN = "message:pin"
    MESSAGE_REACT = "message:react"
    MESSAGE_SEND = "message:send"
    MESSAGE_UNPIN = "message:unpin"
    MESSAGE_UNREACT = "message:unreact"
    PROVIDER_ERASE = "provider:erase"
    PROVIDER_SET = "provider:set"
    SESSION_IMPORT = "session:import"
    SETTINGS_UPDATE = "settings:update"
    TOKEN_REVOKE = "token:revoke"  # noqa: S105 — an act, no token
