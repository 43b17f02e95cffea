"""The OS keychain, and only that: no plaintext file ever passes for one (D-4.2)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Protocol

from keyring.backends import SecretService, Windows, kwallet, libsecret, macOS
from keyring.errors import KeyringError, KeyringLocked

from vasya_server.errors import ConfigurationInvalid, KeychainLocked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from keyring.backend import KeyringBackend

_SERVICE: Final = "vasya"

# Named one by one and used directly. keyring's own choice also weighs its configuration file, the environment and
# every installed plug-in, any of which can put a plaintext file in the keychain's place.
_TRUSTED: Final[tuple[type[KeyringBackend], ...]] = (
    macOS.Keyring,
    Windows.WinVaultKeyring,
    SecretService.Keyring,
    libsecret.Keyring,
    kwallet.DBusKeyring,
    kwallet.DBusKeyringKWallet4,
)

_TWO_WAYS_OUT: Final = (
    "Make a key with `(umask 077; openssl rand -hex 32 > vasya.key)`, keep it apart from the data dir and set "
    "SESSION_MASTER_KEY_FILE to its path, or put its text into SESSION_MASTER_KEY."
)


class Keychain(Protocol):
    """A place of the operating system for secrets, by user name."""

    def get(self, user: str) -> str | None:
        """Return the secret kept for *user*."""

    def set(self, user: str, secret: str) -> None:
        """Keep *secret* for *user*."""


class OsKeychain:
    """The keychain of the session that this process runs in.

    Args:
        backends: Which implementations may be used; the first of the highest priority that works here is.
    """

    def __init__(
        self,
        backends: Sequence[type[KeyringBackend]] = _TRUSTED,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._backends = backends
        self._environ = environ

    def get(self, user: str) -> str | None:
        """Return the secret kept for *user*.

        Raises:
            KeychainLocked: Its owner has to unlock it.
            ConfigurationInvalid: There is no keychain, or it fails.
        """
        try:
            return self._chosen().get_password(_SERVICE, user)
        except KeyringError as error:
            raise _refusal(error) from error

    def set(self, user: str, secret: str) -> None:
        """Keep *secret* for *user*, and see that it is there.

        Raises:
            KeychainLocked: Its owner has to unlock it.
            ConfigurationInvalid: There is no keychain, or it fails.
        """
        try:
            self._chosen().set_password(_SERVICE, user, secret)
        except KeyringError as error:
            raise _refusal(error) from error
        # A key that was not kept after all would lose every session at the next start.
        if self.get(user) != secret:
            raise ConfigurationInvalid(
                f"The OS keychain did not keep the session master key. {_TWO_WAYS_OUT}"
            )

    def _chosen(self) -> KeyringBackend:
        if self._environ.get("PYTHON_KEYRING_BACKEND"):
            raise ConfigurationInvalid(
                "PYTHON_KEYRING_BACKEND is set; Vasya takes the operating system's own keychain and no other. "
                f"Unset it, or: {_TWO_WAYS_OUT}"
            )
        usable = [backend for backend in self._backends if backend.viable]
        if not usable:
            raise ConfigurationInvalid(
                f"There is no OS keychain here to hold the session master key. {_TWO_WAYS_OUT}"
            )
        return max(usable, key=lambda backend: backend.priority)()


def _refusal(error: KeyringError) -> KeychainLocked | ConfigurationInvalid:
    if isinstance(error, KeyringLocked):
        return KeychainLocked()
    return ConfigurationInvalid(f"The OS keychain failed. {_TWO_WAYS_OUT}")
