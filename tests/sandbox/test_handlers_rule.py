from __future__ import annotations

import re

import pytest

from vasya_sandbox import handlers
from vasya_sandbox.registry import HANDLERS, rpc

handlers.load()


def method_of(request_type: type) -> str:
    """Return the name on Telegram's site: `messages.sendMessage`."""
    group = request_type.__module__.rpartition(".")[2]
    name = request_type.__name__.removesuffix("Request")
    return f"{group}.{name[0].lower()}{name[1:]}"


@pytest.mark.parametrize("request_type", HANDLERS, ids=method_of)
def test_handler_names_the_method_it_serves(request_type: type) -> None:
    docstring = HANDLERS[request_type].function.__doc__ or ""
    first_line = docstring.splitlines()[0]
    method = method_of(request_type)
    assert re.match(rf"Serve {re.escape(method)}\b", first_line), first_line
    assert f"https://core.telegram.org/method/{method}\n" in docstring


def test_a_method_cannot_be_served_twice() -> None:
    served = next(iter(HANDLERS))
    with pytest.raises(ValueError, match="is served twice"):
        rpc(served)(HANDLERS[served].function)


def test_only_what_comes_before_a_login_is_open_to_strangers() -> None:
    open_methods = {
        method_of(request_type)
        for request_type, handler in HANDLERS.items()
        if not handler.needs_login
    }
    assert open_methods == {
        "account.getPassword",
        "auth.cancelCode",
        "auth.checkPassword",
        "auth.exportLoginToken",
        "auth.importAuthorization",
        "auth.importLoginToken",
        "auth.resendCode",
        "auth.sendCode",
        "auth.signIn",
        "help.getAppConfig",
        "help.getCdnConfig",
        "help.getConfig",
        "help.getNearestDc",
    }
