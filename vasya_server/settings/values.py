"""What a setting can be: each function reads one form or raises `ValueError` with a clause that says what is right."""

from __future__ import annotations

import ipaddress
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from vasya_server.settings.files import read_small

if TYPE_CHECKING:
    from collections.abc import Callable

Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"

_MIN_TOKEN_CHARACTERS: Final = 32
_API_HASH_CHARACTERS: Final = 32
_JWT_DOTS: Final = 2
_MIN_JWT_SECRET_BYTES: Final = 32
# As with the master key: what a person types has fewer, 32 random bytes practically never.
_MIN_DISTINCT_BYTES: Final = 16
_HEX: Final = re.compile(r"([0-9A-Fa-f]{2})+")
# Words of manuals and example files, long enough not to come up in random text; PyJWT takes no key that looks public.
_PLACEHOLDER: Final = re.compile(
    r"change.?(me|this)|place.?holder|replace.?(me|this|with)|your.{0,9}(secret|key)|secret.?key|super.?secret"
    r"|jwt.?secret|example|(256|32).?(bit|byte|char)|password|insecure|0123456789abcdef|abcdefghijklmnop"
    r"|----[- ](begin|end) |^ssh-|^ecdsa-",
    re.IGNORECASE,
)
MAX_PORT: Final = 65535
_DAY_SECS: Final = 86_400
_SECONDS: Final = re.compile(r"[0-9]{1,5}(\.[0-9]{1,3})?")
_MAX_PEM_BYTES: Final = 16 * 1024
_MAX_CERTIFICATES_BYTES: Final = 1024**2
# A host name's 253, brackets or not, and a port.
_MAX_AUTHORITY_CHARACTERS: Final = 260
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*")
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_AUTHORITY: Final = re.compile(
    rf"(?:{_LABEL}(?:\.{_LABEL})*|\[(?P<six>[0-9a-f:.]+)\])(?::(?P<port>[0-9]{{1,5}}))?"
)
_OWN_PORTS: Final = {"http": ":80", "https": ":443"}
_MAX_DC: Final = 5


class Secret:
    """Text that must not be printed: its `repr` says nothing, and only `reveal` gives it out."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text; the caller must not log, format or store it in clear."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"


class DataCentreAddress(NamedTuple):
    """Which data centre is dialled, and where."""

    dc_id: int
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class DataCentre:
    """A data centre that is dialled in place of Telegram's own; only *public_key* is trusted then.

    Args:
        public_key: PEM text of an RSA key in PKCS#1 form.
    """

    dc_id: int
    host: str
    port: int
    public_key: str


def text(value: str) -> str:
    """Take any text as it is."""
    return value


def whole(low: int, high: int) -> Callable[[str], int]:
    """Make a reader of whole numbers from *low* to *high*."""

    def parse(value: str) -> int:
        if not (value.isascii() and value.isdecimal() and low <= int(value) <= high):
            message = f"must be a whole number from {low} to {high}"
            raise ValueError(message)
        return int(value)

    return parse


def seconds(value: str) -> float:
    """Read a time in seconds, with decimals or without, up to a day."""
    if not (_SECONDS.fullmatch(value) and float(value) <= _DAY_SECS):
        message = f"must be seconds from 0 to {_DAY_SECS}, such as 60 or 0.5"
        raise ValueError(message)
    return float(value)


def several_seconds(value: str) -> tuple[float, ...]:
    """Read times in seconds, separated by commas."""
    found = tuple(seconds(part) for part in _parts(value))
    if not found:
        message = "must be seconds such as 5,30,120, separated by commas"
        raise ValueError(message)
    return found


def one_of(*allowed: str) -> Callable[[str], str]:
    """Make a reader of one of the *allowed* words."""

    def parse(value: str) -> str:
        if value not in allowed:
            message = f"must be one of {', '.join(allowed)}"
            raise ValueError(message)
        return value

    return parse


def path(value: str) -> Path:
    """Read a path; `~` is the home directory."""
    return Path(value).expanduser().absolute()


def origins(value: str) -> tuple[str, ...]:
    """Read web origins, separated by commas, as browsers write them: in lower case, without the scheme's own port."""
    parts = _parts(value)
    for part in parts:
        scheme, separator, authority = part.partition("://")
        if not (separator and _SCHEME.fullmatch(scheme) and _is_authority(authority)):
            message = (
                "must be origins such as https://app.example or http://localhost:3000, separated by commas: "
                "no path, and no * for all"
            )
            raise ValueError(message)
    return tuple(_without_own_port(part) for part in parts)


def hosts(value: str) -> tuple[str, ...]:
    """Read values of the Host header, separated by commas, in lower case."""
    parts = _parts(value)
    if not all(map(_is_authority, parts)):
        message = (
            "must be host names such as vasya.example or vasya.example:8443, separated by commas: "
            "no scheme, no path, and no * for all"
        )
        raise ValueError(message)
    return parts


def public_url(value: str) -> str:
    """Read the URL at which clients reach the server: scheme and host, as a browser writes an origin."""
    scheme, _, authority = value.strip().lower().removesuffix("/").partition("://")
    if scheme not in _OWN_PORTS or not _is_authority(authority):
        message = "must be one URL such as https://vasya.example, without a path"
        raise ValueError(message)
    return _without_own_port(f"{scheme}://{authority}")


def networks(value: str) -> tuple[Network, ...]:
    """Read IP addresses and networks, separated by commas."""
    try:
        return tuple(ipaddress.ip_network(part) for part in _parts(value))
    except ValueError:
        message = (
            "must be addresses or networks such as 10.0.0.7 or 172.18.0.0/16, separated by commas"
        )
        raise ValueError(message) from None


def _parts(value: str) -> tuple[str, ...]:
    return tuple(part.strip().lower() for part in value.split(",") if part.strip())


def _is_authority(part: str) -> bool:
    """Tell whether *part* is `host` or `host:port`; an IPv6 address stands in brackets."""
    found = _AUTHORITY.fullmatch(part)
    if found is None or len(part) > _MAX_AUTHORITY_CHARACTERS:
        return False
    if found["six"] is not None:
        try:
            ipaddress.IPv6Address(found["six"])
        except ValueError:
            return False
    return found["port"] is None or 1 <= int(found["port"]) <= MAX_PORT


def _without_own_port(origin: str) -> str:
    scheme, _, authority = origin.partition("://")
    return f"{scheme}://{authority.removesuffix(_OWN_PORTS.get(scheme, ''))}"


def public_key(value: str) -> str:
    """Read the file of a data centre's public key and return its PEM text."""
    try:
        pem = read_small(path(value), _MAX_PEM_BYTES).decode("ascii")
    except (OSError, UnicodeDecodeError):
        pem = ""
    if not pem.lstrip().startswith("-----BEGIN RSA PUBLIC KEY-----"):
        message = "must be a readable PEM file that begins with BEGIN RSA PUBLIC KEY (PKCS#1)"
        raise ValueError(message)
    return pem


def certificates(value: str) -> str:
    """Read a file of certificate authorities and return its PEM text."""
    try:
        pem = read_small(path(value), _MAX_CERTIFICATES_BYTES).decode("ascii")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (OSError, ValueError):
        message = "must be a readable PEM file of certificates"
        raise ValueError(message) from None
    return pem


def ports(value: str) -> tuple[int, ...]:
    """Read ports, separated by commas."""
    one = whole(1, MAX_PORT)
    try:
        found = tuple(one(part) for part in _parts(value))
    except ValueError:
        found = ()
    if not found:
        message = f"must be ports from 1 to {MAX_PORT}, separated by commas"
        raise ValueError(message)
    return found


def host_addresses(value: str) -> tuple[tuple[str, str], ...]:
    """Read `<name>=<address>`, separated by commas; a name may stand for several."""
    pairs = [part.partition("=") for part in _parts(value)]
    try:
        if all(_NAME.fullmatch(name) for name, _, _ in pairs):
            return tuple((name, str(ipaddress.ip_address(address))) for name, _, address in pairs)
    except ValueError:
        pass
    message = (
        "must be names and their addresses such as hooks.example=127.0.0.1, separated by commas"
    )
    raise ValueError(message)


def token(value: str) -> Secret:
    """Read a bearer token that no other kind of credential can be mistaken for (D-2.9)."""
    if (
        len(value) < _MIN_TOKEN_CHARACTERS
        or not value.isascii()
        or not value.isprintable()
        or " " in value
    ):
        message = (
            f"must be {_MIN_TOKEN_CHARACTERS} or more printable ASCII characters without spaces"
        )
        raise ValueError(message)
    if value.startswith("vk_") or value.count(".") == _JWT_DOTS:
        message = "must neither begin with vk_ nor have the two dots of a JWT"
        raise ValueError(message)
    return Secret(value)


def jwt_secret(value: str) -> Secret:
    """Read an HS256 secret, which is used byte for byte as it was given (D-2.3).

    Source: https://www.rfc-editor.org/rfc/rfc7518#section-3.2
    """
    try:
        raw = value.encode()
    except UnicodeEncodeError:
        message = "must be UTF-8"
        raise ValueError(message) from None
    if len(raw) < _MIN_JWT_SECRET_BYTES or _distinct_bytes(value) < _MIN_DISTINCT_BYTES:
        message = (
            f"must be {_MIN_JWT_SECRET_BYTES} or more random bytes, with at least {_MIN_DISTINCT_BYTES} different ones; "
            "`openssl rand -base64 48` makes one"
        )
        raise ValueError(message)
    if _PLACEHOLDER.search(value):
        message = (
            "is a placeholder or somebody's public key; `openssl rand -base64 48` makes a secret"
        )
        raise ValueError(message)
    return Secret(value)


def _distinct_bytes(value: str) -> int:
    """Count the different bytes of a secret, or of what its hexadecimal digits say, where there are only these."""
    raw = value.encode()
    if _HEX.fullmatch(value):
        return max(len(set(raw)), len(set(bytes.fromhex(value))))
    return len(set(raw))


def api_hash(value: str) -> Secret:
    """Read the hash of a Telegram application."""
    if len(value) != _API_HASH_CHARACTERS or set(value) - set("0123456789abcdef"):
        message = "must be 32 lowercase hexadecimal characters"
        raise ValueError(message)
    return Secret(value)


def data_centre_address(value: str) -> DataCentreAddress:
    """Read `<id>@<host>:<port>`; the host is an address, so that no name service decides whom we talk to."""
    dc, _, address = value.partition("@")
    host, _, port = address.rpartition(":")
    try:
        host = str(ipaddress.ip_address(host.strip("[]")))
        if 1 <= int(dc) <= _MAX_DC and 1 <= int(port) <= MAX_PORT:
            return DataCentreAddress(int(dc), host, int(port))
    except ValueError:
        pass
    message = "must look like 2@127.0.0.1:4430: a data centre's number, an IP address and a port"
    raise ValueError(message)
