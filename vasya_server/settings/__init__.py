"""What the process was told, read once and checked before anything is opened.

Every wrong value is named at once. Secrets leave the environment when they are read, so that no child process and no
crash report inherits them.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import socket
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, cast
from urllib.parse import urlsplit

from vasya_server.errors import ConfigurationInvalid
from vasya_server.settings.row import Setting
from vasya_server.settings.table import SETTINGS
from vasya_server.settings.values import DataCentre, DataCentreAddress, Network, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

__all__ = [
    "SETTINGS",
    "DataCentre",
    "Network",
    "Secret",
    "Setting",
    "Settings",
    "default_data_dir",
    "load",
    "verify",
]

# Read by Vasya's other programs: not the server's, and not a misspelling either.
_FOREIGN: Final = {
    "VASYA_TOKEN",
    "VASYA_URL",
    "VASYA_AGENT_KEY",
    "VASYA_UPLOAD_DIR",
    "VASYA_DOWNLOAD_DIR",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the process was told; `load` is the one maker.

    Args:
        allowed_hosts: What it answers for beside loopback names; the host of the public URL is among them in JWT mode.
        may_leave_loopback: A proxy with TLS stands before it; otherwise only loopback addresses are bound.
    """

    data_dir: Path
    host: str
    port: int
    auth_mode: Literal["embedded", "jwt"]
    jwt_secret: Secret | None
    jwt_secret_previous: Secret | None
    jwt_issuer: str | None
    jwt_audience: str | None
    jwt_max_lifetime_secs: int | None
    local_token: Secret | None
    agent_key_max_ttl_secs: int | None
    agent_key_max_live: int
    session_master_key: Secret | None
    session_master_key_file: Path | None
    telegram_api_id: int | None
    telegram_api_hash: Secret | None
    telegram_proxy_url: Secret | None
    telegram_dc: DataCentre | None
    send: Literal["on", "off"]
    pacing: Literal["human", "off"]
    public_url: str | None
    trusted_proxies: tuple[Network, ...]
    allowed_hosts: tuple[str, ...]
    may_leave_loopback: bool
    allowed_origins: tuple[str, ...]
    access_log: Literal["on", "off"]
    read_deadline_secs: int
    send_deadline_secs: int
    connect_deadline_secs: int
    idle_disconnect_secs: int
    login_ttl_secs: int
    audit_rotate_bytes: int
    audit_min_free_bytes: int
    json_max_bytes: int
    max_requests_in_flight: int
    header_timeout_secs: int
    body_idle_secs: int
    body_total_secs: int
    upload_max_bytes: int
    uploads_at_once: int
    uploads_per_key: int
    fetch_deadline_secs: int
    media_idle_secs: int
    limit_read_per_min: int
    limit_read_burst: int
    limit_mutate_per_min: int
    limit_mutate_burst: int
    limit_human_factor: int
    limit_chat_per_hour: int
    limit_new_chats_per_day: int
    limit_login_per_hour: int
    limit_login_per_day: int
    limit_authfail_per_min: int
    limit_files_per_min: int
    limit_download_bytes_per_day: int
    downloads_per_key: int
    outbound_ports: tuple[int, ...]
    outbound_ca_file: str | None
    outbound_loopback: Literal["on", "off"]
    outbound_hosts: tuple[tuple[str, str], ...]
    deepgram_url: str
    transcript_max_bytes: int
    transcript_deadline_secs: int
    webhook_max: int
    webhook_deadline_secs: int
    webhook_retry_secs: tuple[float, ...]
    webhook_give_up_secs: int
    webhook_pause_secs: float
    event_retention_secs: int
    streams_max: int
    streams_per_key: int
    stream_heartbeat_secs: int
    stream_stuck_secs: int
    kill_point: str | None


def load(
    environ: MutableMapping[str, str], flags: Mapping[str, str | None] | None = None
) -> Settings:
    """Read the settings from *environ*, with *flags* (by setting name) going first.

    Secrets are removed from *environ*.

    Raises:
        ConfigurationInvalid: One or more values are wrong, unsafe or unknown; the detail names every one.
    """
    given = _given(environ, flags or {})
    values: dict[str, object] = {}
    faults = [*_unknown_names(environ)]
    for row in SETTINGS:
        text = given.get(row.name, row.default)
        try:
            values[row.name] = None if text is None else row.parse(text)
        except ValueError as error:
            shown = "" if row.is_secret or text is None else f" (it is {text!r})"
            faults.append(f"{row.name} {error}{shown}")
    if not faults:
        faults += verify(values)
    if faults:
        raise ConfigurationInvalid("; ".join(faults) + ".")
    return _build(values)


def verify(values: Mapping[str, object]) -> list[str]:
    """Return what is wrong with the values as a set, a clause each: combinations and what they point at."""
    faults = []
    if values["SESSION_MASTER_KEY"] and values["SESSION_MASTER_KEY_FILE"]:
        faults.append(
            "SESSION_MASTER_KEY and SESSION_MASTER_KEY_FILE are both set: which of them holds must not be a guess"
        )
    if bool(values["TELEGRAM_API_ID"]) != bool(values["TELEGRAM_API_HASH"]):
        faults.append("TELEGRAM_API_ID and TELEGRAM_API_HASH go together: set both or neither")
    if bool(values["VASYA_TELEGRAM_DC"]) != bool(values["VASYA_TELEGRAM_DC_KEY"]):
        faults.append(
            "VASYA_TELEGRAM_DC and VASYA_TELEGRAM_DC_KEY go together: an address without its key cannot be trusted"
        )
    if values["VASYA_KILL_POINT"] and not values["VASYA_TELEGRAM_DC"]:
        faults.append(
            "VASYA_KILL_POINT is for crash tests and needs VASYA_TELEGRAM_DC: a process on Telegram's own data centres "
            "is not stopped in the middle of a message"
        )
    if values["VASYA_PACING"] == "off" and not values["VASYA_TELEGRAM_DC"]:
        faults.append(
            "VASYA_PACING=off is for tests and needs VASYA_TELEGRAM_DC: Telegram's own data centres limit accounts that "
            "send like machines"
        )
    faults += _faults_of_outbound(values)
    return faults + (_faults_of_jwt if values["AUTH_MODE"] == "jwt" else _faults_of_embedded)(
        values
    )


def _faults_of_outbound(values: Mapping[str, object]) -> list[str]:
    """Name what would open this machine to callers' URLs, unless Telegram is a sandbox on this machine too (D-10.5)."""
    dc = values["VASYA_TELEGRAM_DC"]
    if isinstance(dc, DataCentreAddress) and ipaddress.ip_address(dc.host).is_loopback:
        return []
    opened = {
        "VASYA_OUTBOUND_LOOPBACK": values["VASYA_OUTBOUND_LOOPBACK"] == "on",
        "VASYA_OUTBOUND_HOSTS": bool(values["VASYA_OUTBOUND_HOSTS"]),
    }
    return [
        f"{name} is for tests and needs a VASYA_TELEGRAM_DC on loopback: where accounts are real, a caller's URL must "
        "not reach this machine"
        for name, is_open in opened.items()
        if is_open
    ]


def _faults_of_embedded(values: Mapping[str, object]) -> list[str]:
    if _is_loopback(str(values["VASYA_HOST"])):
        return []
    fault = (
        f"VASYA_HOST must be a loopback address in embedded mode (it is {values['VASYA_HOST']!r}): whoever reaches "
        "the port and has the token is the account"
    )
    return [fault]


def _faults_of_jwt(values: Mapping[str, object]) -> list[str]:
    faults = []
    if values["JWT_SECRET"] is None:
        faults.append("AUTH_MODE is jwt and JWT_SECRET is not set: no token could be verified")
    if values["VASYA_LOCAL_TOKEN"] is not None:
        faults.append(
            "VASYA_LOCAL_TOKEN is set and AUTH_MODE is jwt, in which there is no local token"
        )
    if not _is_loopback(str(values["VASYA_HOST"])) and not _may_leave_loopback(values):
        faults.append(
            f"VASYA_HOST leaves loopback (it is {values['VASYA_HOST']!r}), which takes a VASYA_PUBLIC_URL with https and "
            "the proxy that ends TLS in VASYA_TRUSTED_PROXIES: tokens and messages must not travel in clear"
        )
    return faults


def _may_leave_loopback(values: Mapping[str, object]) -> bool:
    """Tell whether a proxy with TLS stands before the server (D-3.1, D-12.6)."""
    is_https = str(values["VASYA_PUBLIC_URL"] or "").startswith("https://")
    return values["AUTH_MODE"] == "jwt" and is_https and bool(values["VASYA_TRUSTED_PROXIES"])


def _given(environ: MutableMapping[str, str], flags: Mapping[str, str | None]) -> dict[str, str]:
    """Collect what was said; an empty value counts as unset, as in most shells' habits."""
    given = {}
    for row in SETTINGS:
        said = environ.pop(row.name, None) if row.is_secret else environ.get(row.name)
        flag = flags.get(row.name)
        if value := flag if flag is not None else said:
            given[row.name] = value
    return given


def _unknown_names(environ: Mapping[str, str]) -> list[str]:
    """Name what looks like a setting and is none: a misspelt gate must not be an open one."""
    known = {row.name for row in SETTINGS}
    faults = []
    for name in sorted(environ):
        if name.startswith("VASYA_") and name not in known | _FOREIGN:
            close = difflib.get_close_matches(name, known, 1)
            faults.append(
                f"{name} is not a setting" + (f" (did you mean {close[0]}?)" if close else "")
            )
    return faults


def _build(values: Mapping[str, object]) -> Settings:
    by_field = {row.field: values[row.name] for row in SETTINGS if row.field != "telegram_dc"}
    by_field["data_dir"] = values["VASYA_DATA_DIR"] or default_data_dir()
    by_field["allowed_hosts"] = _allowed_hosts(values)
    by_field["may_leave_loopback"] = _may_leave_loopback(values)
    by_field["telegram_dc"] = None
    if isinstance(address := values["VASYA_TELEGRAM_DC"], DataCentreAddress):
        by_field["telegram_dc"] = DataCentre(*address, str(values["VASYA_TELEGRAM_DC_KEY"]))
    return Settings(**{f.name: by_field[f.name] for f in fields(Settings)})  # type: ignore[arg-type]  # parsed row by row


def _allowed_hosts(values: Mapping[str, object]) -> tuple[str, ...]:
    """Return what the server is called beside its loopback names: in JWT mode also as its public URL and its address say.

    Never 0.0.0.0: a web page may ask for that, and comes out on loopback.
    """
    names = list(cast("tuple[str, ...]", values["VASYA_ALLOWED_HOSTS"]))
    if values["AUTH_MODE"] == "jwt":
        if values["VASYA_PUBLIC_URL"] is not None:
            names.append(urlsplit(str(values["VASYA_PUBLIC_URL"])).netloc)
        host, port = str(values["VASYA_HOST"]).lower(), values["VASYA_PORT"]
        if not (_is_loopback(host) or host in {"0.0.0.0", "::"}):  # noqa: S104 — nothing is bound here
            names.append(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    return tuple(dict.fromkeys(names))


def _is_loopback(host: str) -> bool:
    """Tell whether every address that *host* stands for is a loopback one (D-3.1)."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(
        ipaddress.ip_address(str(row[4][0]).partition("%")[0]).is_loopback for row in found
    )


def default_data_dir() -> Path:
    """Return the platform's directory for an application's own data."""
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "vasya"
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "vasya"
    return Path(os.environ.get("XDG_DATA_HOME", home / ".local" / "share")) / "vasya"
