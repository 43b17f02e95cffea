"""What this server cannot do now, and why it does not start."""

from __future__ import annotations

from typing import ClassVar

from vasya_server.errors.base import VasyaError


class Unavailable(VasyaError):
    """The server cannot do this now, whatever is asked."""


class KeychainLocked(Unavailable):
    """The OS keychain that holds the master key is locked."""

    code = "keychain_locked"
    detail = "The keychain that holds the master key is locked."


class StorageFailed(Unavailable):
    """The database cannot be written: the disk is full, or fails."""

    code = "storage_failed"
    detail = "The server cannot write to its storage."


class AuditUnavailable(Unavailable):
    """The audit log cannot be written, so nothing that has to be written down may begin (D-7.4).

    Args:
        is_stored: The change is in the database and its line will follow; False means that nothing is stored.
    """

    code = "audit_unavailable"
    detail = "The server cannot write its audit log, so nothing is changed."

    def __init__(self, *, is_stored: bool = False) -> None:
        super().__init__()
        self.is_stored = is_stored


class ShuttingDown(Unavailable):
    """The server is on its way down."""

    code = "shutting_down"
    detail = "The server is shutting down."


class StartupRefused(VasyaError):
    """The program must not start; *exit_code* tells its caller why (sysexits.h)."""

    exit_code: ClassVar[int]


class ConfigurationInvalid(StartupRefused):
    """A setting, a file's permissions or a key is missing, wrong or unsafe (EX_CONFIG)."""

    code = "configuration_invalid"
    detail = "The configuration is not valid."
    exit_code = 78


class MasterKeyMismatch(ConfigurationInvalid):
    """The master key is sound, but it is not the one that sealed this data dir (D-4.7)."""

    code = "master_key_mismatch"
    detail = "The session master key is not the one that sealed this data dir; nothing was changed."


class DataDirLocked(StartupRefused):
    """Another process holds the data dir (EX_TEMPFAIL)."""

    code = "data_dir_locked"
    detail = "Another Vasya process holds this data dir."
    exit_code = 75
