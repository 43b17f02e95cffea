"""What an address that a caller named was refused for, and why it gave no answer."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from vasya_server.errors.base import VasyaError
from vasya_server.errors.requests import InvalidInput

RefusalReason: TypeAlias = Literal[
    "too_long",
    "malformed",
    "not_https",
    "has_userinfo",
    "has_fragment",
    "ip_literal",
    "host_invalid",
    "single_label",
    "own_host",
    "port_not_allowed",
    "redirects",
    "no_file",
    "private_address",
]
FailureReason: TypeAlias = Literal[
    "timeout", "connect", "tls", "dns", "protocol", "no_file", "too_large"
]

_RULES: Final[dict[RefusalReason, str]] = {
    "too_long": "The URL must have at most 2048 characters.",
    "malformed": "The URL must be https://host/path in printable ASCII, without spaces or backslashes.",
    "not_https": "The URL must begin with https.",
    "has_userinfo": "The URL must have no user name or password.",
    "has_fragment": "The URL must have no fragment.",
    "ip_literal": "The URL's host must be a DNS name, not an IP address in any spelling.",
    "host_invalid": "The URL's host must be a valid DNS name, without a dot at its end.",
    "single_label": "The URL's host must be a whole DNS name, with a domain.",
    "own_host": "The URL's host must not be this server.",
    "port_not_allowed": "The URL's port is not one of those that this server allows.",
    "redirects": "The URL must lead to the file itself; its server redirects to another.",
    "no_file": "The URL must name a file that its server gives to everybody.",
    "private_address": "Every address that the URL's host resolves to must be a public one.",
}
_FAILURES: Final[dict[FailureReason, str]] = {
    "timeout": "The other server gave no whole answer in time.",
    "connect": "The other server could not be connected to.",
    "tls": "The other server's certificate or its TLS is not good.",
    "dns": "The other server's name does not resolve.",
    "protocol": "The other server gave no whole answer in HTTP/1.1.",
    "no_file": "The other server answered with no file.",
    "too_large": "The headers of the other server's answer are too large.",
}


class OutboundRefused(InvalidInput):
    """A caller named a URL, or a host that stands for an address, that Vasya does not talk to (D-10.5).

    Args:
        reason: Which rule it breaks.
    """

    code = "url_not_allowed"
    detail = "The URL is not one that this server talks to."

    def __init__(self, reason: RefusalReason) -> None:
        super().__init__(_RULES[reason])
        self.reason = reason


class ProviderFailed(VasyaError):
    """The service that an owner has set a key for has not done what it was asked."""

    code = "provider_failed"
    detail = "The provider did not answer as it should."


class OutboundFailed(VasyaError):
    """An address that a caller named gave no whole answer; it may have got the request.

    Args:
        reason: What went wrong; `too_large` is about headers, for a body is cut.
    """

    code = "outbound_failed"
    detail = "The other server gave no whole answer."

    def __init__(self, reason: FailureReason) -> None:
        super().__init__(_FAILURES[reason])
        self.reason = reason
