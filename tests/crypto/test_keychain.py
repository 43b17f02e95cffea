from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
from keyring.backend import KeyringBackend
from keyring.errors import InitError, KeyringLocked

from vasya_server.crypto.keychain import OsKeychain
from vasya_server.errors import ConfigurationInvalid, KeychainLocked

if TYPE_CHECKING:
    from collections.abc import Iterator


class Kept(KeyringBackend):
    priority: ClassVar[float] = 5
    secrets: ClassVar[dict[tuple[str, str], str]] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.secrets.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.secrets[service, username] = password


class Lesser(Kept):
    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        return f"not {service}'s choice for {username}"


class Absent(Kept):
    @property
    def priority(self) -> float:  # type: ignore[override]
        raise NotImplementedError

    viable = False


class Forgetful(Kept):
    def set_password(self, service: str, username: str, password: str) -> None:
        """Say that it was kept."""


class Locked(Kept):
    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked(service, username, password)


class Failing(Kept):
    def get_password(self, service: str, username: str) -> str | None:
        raise InitError(service, username)


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    yield
    Kept.secrets.clear()


def test_a_secret_is_kept_for_vasya_by_user() -> None:
    keychain = OsKeychain([Kept], {})

    keychain.set("session-master-key:d1", "secret")

    assert Kept.secrets == {("vasya", "session-master-key:d1"): "secret"}
    assert keychain.get("session-master-key:d1") == "secret"
    assert keychain.get("session-master-key:d2") is None


def test_the_best_keychain_that_works_here_is_chosen() -> None:
    Kept.secrets["vasya", "u"] = "here"
    assert OsKeychain([Absent, Lesser, Kept], {}).get("u") == "here"


@pytest.mark.parametrize("backends", [[], [Absent]], ids=["none known", "none works"])
def test_without_a_keychain_both_ways_out_are_told(backends: list[type[KeyringBackend]]) -> None:
    with pytest.raises(ConfigurationInvalid) as refusal:
        OsKeychain(backends, {}).get("u")
    assert "SESSION_MASTER_KEY_FILE" in refusal.value.detail
    assert "SESSION_MASTER_KEY." in refusal.value.detail
    assert "openssl rand -hex 32 > vasya.key" in refusal.value.detail


def test_a_backend_named_in_the_environment_is_refused() -> None:
    environ = {"PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring"}
    with pytest.raises(ConfigurationInvalid, match="PYTHON_KEYRING_BACKEND"):
        OsKeychain([Kept], environ).get("u")


def test_a_locked_keychain_asks_for_its_owner() -> None:
    with pytest.raises(KeychainLocked):
        OsKeychain([Locked], {}).get("u")
    with pytest.raises(KeychainLocked):
        OsKeychain([Locked], {}).set("u", "secret")


def test_a_failing_keychain_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigurationInvalid, match="keychain failed"):
        OsKeychain([Failing], {}).get("u")


def test_a_keychain_that_forgets_is_noticed_at_once() -> None:
    with pytest.raises(ConfigurationInvalid, match="did not keep"):
        OsKeychain([Forgetful], {}).set("u", "secret")


def test_only_the_keychains_of_operating_systems_are_trusted() -> None:
    trusted = OsKeychain.__init__.__defaults__
    assert trusted is not None
    assert [f"{backend.__module__}.{backend.__name__}" for backend in trusted[0]] == [
        "keyring.backends.macOS.Keyring",
        "keyring.backends.Windows.WinVaultKeyring",
        "keyring.backends.SecretService.Keyring",
        "keyring.backends.libsecret.Keyring",
        "keyring.backends.kwallet.DBusKeyring",
        "keyring.backends.kwallet.DBusKeyringKWallet4",
    ]
