"""What only HTTP can get wrong: requests turned away before anything looks at what they want."""

from __future__ import annotations

from vasya_server.errors import AccessDenied, VasyaError


class RouteNotFound(VasyaError):
    """No operation has this path."""

    code = "not_found"
    detail = "There is no such path."


class OriginNotAllowed(VasyaError):
    """A web page that is not allowed to talk to this server does so."""

    code = "origin_not_allowed"
    detail = "Requests from this web origin are not allowed."


class HostNotAllowed(VasyaError):
    """The `Host` header names another server: a page that rebinds DNS, or a wrong configuration (D-3.5)."""

    code = "host_not_allowed"
    detail = "This server does not answer for that host."


class MethodNotAllowed(VasyaError):
    """The path exists, but not with this method."""

    code = "method_not_allowed"
    detail = "This path does not take that method."

    def __init__(self, allowed_methods: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.allowed_methods = allowed_methods


class NotAcceptable(VasyaError):
    """None of the media types that the client takes can be produced."""

    code = "not_acceptable"
    detail = "None of the accepted media types can be produced."


class RequestTimeout(VasyaError):
    """The body did not come in time."""

    code = "request_timeout"
    detail = "The request body did not arrive in time."
    closes_connection = True


class BodyTooLarge(VasyaError):
    """The body is larger than the operation takes."""

    code = "body_too_large"
    detail = "The request body is too large."
    closes_connection = True


class KeyEndedMeanwhile(AccessDenied):
    """The key that sends a file has ended before the file has: its rest is not read."""

    detail = "The agent key was revoked or changed while the file came in; nothing is kept of it."
    closes_connection = True


class UriTooLong(VasyaError):
    """The request target is longer than 4 KiB."""

    code = "uri_too_long"
    detail = "The request target is too long."


class UnsupportedMediaType(VasyaError):
    """The body is not `application/json`, or is compressed."""

    code = "unsupported_media_type"
    detail = "The body must be application/json, without a content encoding."


class HeadersTooLarge(VasyaError):
    """The headers are more than 100, or more than 16 KiB."""

    code = "headers_too_large"
    detail = "The request headers are too large."


class RangeNotSatisfiable(VasyaError):
    """The file has no byte of the range that is asked for.

    Args:
        size_bytes: How many it has.
    """

    code = "range_not_satisfiable"
    detail = "The file has no such range of bytes."

    def __init__(self, size_bytes: int) -> None:
        super().__init__()
        self.size_bytes = size_bytes


class Overloaded(VasyaError):
    """More requests are in flight than the server takes at once."""

    code = "overloaded"
    detail = "Too many requests are in flight."
    retry_after_secs = 1


class MalformedRequest(VasyaError):
    """The request cannot be read."""

    code = "malformed_request"
    detail = "The request cannot be read."


class MalformedJson(MalformedRequest):
    """The body is not JSON."""

    code = "malformed_json"
    detail = "The body is not valid JSON."


class EncodingInvalid(MalformedRequest):
    """Bytes that should be UTF-8 are not."""

    code = "encoding_invalid"
    detail = "The request is not valid UTF-8."


class IdempotencyKeyInvalid(MalformedRequest):
    """The `Idempotency-Key` header is repeated, empty, too long, or has characters outside %x21-7E (D-6.1)."""

    code = "idempotency_key_invalid"
    detail = "The Idempotency-Key header must be one value of 1 to 255 printable ASCII characters."
