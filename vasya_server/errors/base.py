"""What every refusal has in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class VasyaError(Exception):
    """The base of all: catching it means "a refusal with a stable code", never "a bug".

    Args:
        detail: A sentence for the client where the class's own says too little. Never contains user data.
        remedy: What the caller has to do, where it is more exact than the code's own remedy.

    `is_retryable` says what the code's own row would say wrongly here, and `action_id` which action was refused; whoever
    knows them sets them.
    """

    code: ClassVar[str]
    detail: str

    def __init__(self, detail: str | None = None, *, remedy: str | None = None) -> None:
        self.detail = detail or type(self).detail
        self.remedy = remedy
        self.is_retryable: bool | None = None
        self.action_id: str | None = None
        super().__init__(self.detail)


@dataclass(frozen=True, slots=True)
class AccountChoice:
    """One account that `me` could have meant."""

    account_id: str
    alias: str | None


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
