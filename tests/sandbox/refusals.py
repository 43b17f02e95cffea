"""How tests say that a request must be refused."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from telethon import errors

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def refused(text: str, code: int = 400) -> Iterator[None]:
    """Expect Telegram's error *text* with *code*."""
    with pytest.raises(errors.RPCError) as caught:
        yield
    known = errors.rpc_errors_dict.get(text)
    if known is not None:
        assert type(caught.value) is known
    elif not any(re_class is type(caught.value) for _, re_class in errors.rpc_errors_re):
        assert caught.value.message == text
    assert abs(caught.value.code or code) == code
