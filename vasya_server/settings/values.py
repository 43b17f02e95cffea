"""What a setting can be: each function reads one form or raises `ValueError` with a clause that says what is right."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_MIN_TOKEN_CHARACTERS: Final = 32
_API_HASH_CHARACTERS: Final = 32
_JWT_DOTS: Final = 2
MAX_PORT: Final = 65535
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


def comma_list(value: str) -> tuple[str, ...]:
    """Read a list whose parts are separated by commas, in lower case."""
    return tuple(part.strip().lower() for part in value.split(",") if part.strip())


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
