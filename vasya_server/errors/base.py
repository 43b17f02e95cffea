"""The base of every refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from vasya_server.model.preview import Preview


class VasyaError(Exception):
    """The base of all: catching it means "a refusal with a stable code", never "a bug".

    Args:
        detail: A sentence for the client where the class's own says too little. Never contains user data.
        remedy: What the caller has to do, where it is more exact than the code's own remedy.

    `is_retryable` says what the code's own row would say wrongly here, `action_id` which action was refused, `preview`
    what it would have done, and `applied` which of its parts were done before; whoever knows them sets them.
    """

    code: ClassVar[str]
    detail: str

    def __init__(self, detail: str | None = None, *, remedy: str | None = None) -> None:
        self.detail = detail or type(self).detail
        self.remedy = remedy
        self.is_retryable: bool | None = None
        self.action_id: str | None = None
        self.preview: Preview | None = None
        self.applied: tuple[str, ...] = ()
        super().__init__(self.detail)
