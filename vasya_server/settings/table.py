"""The table: name, default, unit and meaning of every setting; it feeds loading, checking, `--help` and the documentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vasya_server.kill_points import KillPoint
from vasya_server.settings.values import (
    MAX_PORT,
    Secret,
    api_hash,
    data_centre_address,
    hosts,
    jwt_secret,
    networks,
    one_of,
    origins,
    path,
    public_key,
    public_url,
    text,
    token,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable

KIBIBYTE: Final = 1024


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

    Args:
        field: The attribute of `Settings` it fills.
        default: What it is when unset, in the form the environment would have.
        unit: `seconds`, `bytes`, … where it is a quantity.
        is_secret: Never printed, and taken out of the environment.
    """

    name: str
    field: str
    parse: Callable[[str], object]
    default: str | None
    sentence: str
    unit: str = ""
    is_secret: bool = False


SETTINGS: Final = (
    Setting(
        "VASYA_DATA_DIR",
        "data_dir",
        path,
        None,
        "Directory of everything Vasya keeps; the platform's own when unset.",
    ),
    Setting(
        "VASYA_HOST",
        "host",
        text,
        "127.0.0.1",
        "Address to listen on; embedded mode takes loopback addresses only.",
    ),
    Setting(
        "VASYA_PORT", "port", whole(0, MAX_PORT), "8787", "Port to listen on; 0 picks a free one."
    ),
    Setting(
        "AUTH_MODE",
        "auth_mode",
        one_of("embedded", "jwt"),
        "embedded",
        "Who may call: `embedded` is one local token on loopback, `jwt` takes HS256 tokens of many owners.",
    ),
    Setting(
        "JWT_SECRET",
        "jwt_secret",
        jwt_secret,
        None,
        "The HS256 secret of JWT mode, 32 bytes or more; whoever has it can be every owner.",
        is_secret=True,
    ),
    Setting(
        "JWT_SECRET_PREVIOUS",
        "jwt_secret_previous",
        jwt_secret,
        None,
        "The secret before it, while tokens signed with that are still good.",
        is_secret=True,
    ),
    Setting(
        "JWT_ISSUER",
        "jwt_issuer",
        text,
        None,
        "What a JWT's `iss` must be; not looked at when unset.",
    ),
    Setting(
        "JWT_AUDIENCE",
        "jwt_audience",
        text,
        None,
        "What a JWT's `aud` must be; when unset, a token that has one is refused.",
    ),
    Setting(
        "JWT_MAX_LIFETIME_SECS",
        "jwt_max_lifetime_secs",
        whole(60, 366 * 86_400),
        None,
        "The longest time from a JWT's `iat`, which is required then, to its `exp`; any when unset.",
        "seconds",
    ),
    Setting(
        "VASYA_LOCAL_TOKEN",
        "local_token",
        token,
        None,
        "The embedded bearer token, where a parent process supplies it.",
        is_secret=True,
    ),
    Setting(
        "AGENT_KEY_MAX_TTL_SECS",
        "agent_key_max_ttl_secs",
        whole(1, 31_536_000),
        None,
        "Longest life of an agent key, which must then be given one; 7776000 (90 days) is a good choice.",
        "seconds",
    ),
    Setting(
        "AGENT_KEY_MAX_LIVE",
        "agent_key_max_live",
        whole(1, 100_000),
        "1000",
        "How many agent keys of one owner may be alive at once.",
    ),
    Setting(
        "SESSION_MASTER_KEY",
        "session_master_key",
        Secret,
        None,
        "The key that seals sessions: 64 hex or 44 base64 characters.",
        is_secret=True,
    ),
    Setting(
        "SESSION_MASTER_KEY_FILE",
        "session_master_key_file",
        path,
        None,
        "A file, readable by its owner only, that holds the master key.",
    ),
    Setting(
        "TELEGRAM_API_ID",
        "telegram_api_id",
        whole(1, 2**31 - 1),
        None,
        "Application id from my.telegram.org; owners may set their own.",
    ),
    Setting(
        "TELEGRAM_API_HASH",
        "telegram_api_hash",
        api_hash,
        None,
        "Application hash that goes with the id.",
        is_secret=True,
    ),
    Setting(
        "TELEGRAM_PROXY_URL",
        "telegram_proxy_url",
        Secret,
        None,
        "Proxy to Telegram: socks5://, http:// or an MTProto proxy link.",
        is_secret=True,
    ),
    Setting(
        "VASYA_TELEGRAM_DC",
        "telegram_dc",
        data_centre_address,
        None,
        "Another data centre, `<id>@<address>:<port>`; needs its key.",
    ),
    Setting(
        "VASYA_TELEGRAM_DC_KEY",
        "telegram_dc",
        public_key,
        None,
        "PKCS#1 PEM file of that data centre's public key.",
    ),
    Setting(
        "VASYA_SEND",
        "send",
        one_of("on", "off"),
        "on",
        "The server's gate: `off` refuses every send, edit and delete.",
    ),
    Setting(
        "VASYA_PUBLIC_URL",
        "public_url",
        public_url,
        None,
        "Where clients reach this server, as https://vasya.example; JWT mode needs it to leave loopback.",
    ),
    Setting(
        "VASYA_TRUSTED_PROXIES",
        "trusted_proxies",
        networks,
        "",
        "Addresses or networks of the proxies whose `X-Forwarded-For` is believed; needed to leave loopback.",
    ),
    Setting(
        "VASYA_ALLOWED_HOSTS",
        "allowed_hosts",
        hosts,
        "",
        "Further `Host` values to answer for, beside the loopback ones.",
    ),
    Setting(
        "VASYA_ALLOWED_ORIGINS",
        "allowed_origins",
        origins,
        "",
        "Web origins that may call; none by default.",
    ),
    Setting(
        "VASYA_ACCESS_LOG",
        "access_log",
        one_of("on", "off"),
        "on",
        "A log line per request: method, route, status, time and request id.",
    ),
    Setting(
        "VASYA_READ_DEADLINE_SECS",
        "read_deadline_secs",
        whole(1, 300),
        "10",
        "How long a read may take at Telegram.",
        "seconds",
    ),
    Setting(
        "VASYA_SEND_DEADLINE_SECS",
        "send_deadline_secs",
        whole(1, 300),
        "30",
        "How long a change may take at Telegram.",
        "seconds",
    ),
    Setting(
        "VASYA_CONNECT_DEADLINE_SECS",
        "connect_deadline_secs",
        whole(1, 300),
        "15",
        "How long connecting to Telegram may take.",
        "seconds",
    ),
    Setting(
        "VASYA_IDLE_DISCONNECT_SECS",
        "idle_disconnect_secs",
        whole(1, 86_400),
        "900",
        "Idle time after which an account disconnects.",
        "seconds",
    ),
    Setting(
        "VASYA_LOGIN_TTL_SECS",
        "login_ttl_secs",
        whole(30, 3600),
        "600",
        "How long an unfinished login is kept.",
        "seconds",
    ),
    Setting(
        "VASYA_AUDIT_ROTATE_BYTES",
        "audit_rotate_bytes",
        whole(KIBIBYTE, KIBIBYTE**4),
        str(64 * KIBIBYTE**2),
        "Size at which a file of the audit log is set aside and another begun.",
        "bytes",
    ),
    Setting(
        "VASYA_AUDIT_MIN_FREE_BYTES",
        "audit_min_free_bytes",
        whole(0, KIBIBYTE**4),
        str(64 * KIBIBYTE**2),
        "With less than this free on the data dir's disk nothing new is changed.",
        "bytes",
    ),
    Setting(
        "VASYA_JSON_MAX_BYTES",
        "json_max_bytes",
        whole(KIBIBYTE, 16 * KIBIBYTE**2),
        str(KIBIBYTE**2),
        "Largest JSON body.",
        "bytes",
    ),
    Setting(
        "VASYA_MAX_REQUESTS_IN_FLIGHT",
        "max_requests_in_flight",
        whole(1, 10_000),
        "256",
        "Requests handled at once; more answer 503.",
    ),
    Setting(
        "VASYA_HEADER_TIMEOUT_SECS",
        "header_timeout_secs",
        whole(1, 120),
        "10",
        "How long a client may take over its headers.",
        "seconds",
    ),
    Setting(
        "VASYA_BODY_IDLE_SECS",
        "body_idle_secs",
        whole(1, 300),
        "15",
        "How long a body may pause.",
        "seconds",
    ),
    Setting(
        "VASYA_BODY_TOTAL_SECS",
        "body_total_secs",
        whole(1, 3600),
        "60",
        "How long a body may take in all.",
        "seconds",
    ),
    Setting(
        "VASYA_UPLOAD_MAX_BYTES",
        "upload_max_bytes",
        whole(KIBIBYTE, 10 * KIBIBYTE**2),
        str(10 * KIBIBYTE**2),
        "Largest file that may be uploaded.",
        "bytes",
    ),
    Setting(
        "VASYA_MEDIA_IDLE_SECS",
        "media_idle_secs",
        whole(1, 600),
        "30",
        "How long one piece of a file may take, at Telegram or at the client.",
        "seconds",
    ),
    Setting(
        "VASYA_KILL_POINT",
        "kill_point",
        one_of(*KillPoint),
        None,
        "For crash tests: the point of a mutation at which the process stops dead; not with Telegram's own data centres.",
    ),
)
