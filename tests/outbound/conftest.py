"""Outbound as the settings make it, with an authority of the tests' own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.outbound.certificates import Authority
from vasya_server.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vasya_server.settings import Settings

PEM = "-----BEGIN RSA PUBLIC KEY-----\nMIIB\n-----END RSA PUBLIC KEY-----\n"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def sandboxed(tmp_path: Path) -> dict[str, str]:
    """Return the settings of a server whose Telegram is on loopback."""
    (tmp_path / "dc.pem").write_text(PEM)
    return {
        "VASYA_TELEGRAM_DC": "2@127.0.0.1:4430",
        "VASYA_TELEGRAM_DC_KEY": str(tmp_path / "dc.pem"),
    }


@pytest.fixture
def strict(authority: Authority) -> Settings:
    """Return the settings of a server with real accounts, and one authority of its own."""
    return load({"VASYA_OUTBOUND_CA_FILE": str(authority.file)})


@pytest.fixture
def on_loopback(authority: Authority, sandboxed: dict[str, str]) -> Callable[..., Settings]:
    """Return a maker of the settings under which loopback may be reached."""

    def make(**more: str) -> Settings:
        environ = {"VASYA_OUTBOUND_CA_FILE": str(authority.file), "VASYA_OUTBOUND_LOOPBACK": "on"}
        return load(sandboxed | environ | more)

    return make
