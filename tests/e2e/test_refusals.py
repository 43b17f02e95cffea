"""Unsafe settings end the process with a code and a sentence, before the port is open."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.e2e.processes import MASTER_KEY, OTHER_MASTER_KEY, Process, run, start

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import CompletedProcess


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def serve(data_dir: Path, port: int, **settings: str) -> CompletedProcess[str]:
    where = ("--data-dir", str(data_dir), "--port", str(port))
    return run("vasya-server", "serve", *where, settings=settings)


def assert_refused(result: CompletedProcess[str], code: int, sentence: str) -> None:
    assert (result.returncode, result.stdout) == (code, "")
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        pytest.param(
            {"SESSION_MASTER_KEY": "00" * 32},
            "The session master key is not random: it repeats too few byte values",
            id="weak key",
        ),
        pytest.param(
            {"SESSION_MASTER_KEY": "correct horse battery staple"},
            "The session master key must be 32 random bytes",
            id="passphrase",
        ),
        pytest.param(
            {"SESSION_MASTER_KEY": MASTER_KEY[:62]},
            "The session master key must be 32 random bytes",
            id="short key",
        ),
        pytest.param(
            {"SESSION_MASTER_KEY": MASTER_KEY, "SESSION_MASTER_KEY_FILE": "/dev/null"},
            "SESSION_MASTER_KEY and SESSION_MASTER_KEY_FILE are both set",
            id="two keys",
        ),
        pytest.param(
            {"PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring"},
            "PYTHON_KEYRING_BACKEND is set",
            id="plaintext keyring",
        ),
        pytest.param(
            {"SESSION_MASTER_KEY": MASTER_KEY, "VASYA_HOST": "0.0.0.0"},  # noqa: S104
            "VASYA_HOST must be a loopback address",
            id="every interface",
        ),
        pytest.param(
            {"SESSION_MASTER_KEY": MASTER_KEY, "VASYA_HOST": "::"},
            "VASYA_HOST must be a loopback address",
            id="every IPv6 interface",
        ),
        pytest.param(
            {"SESSION_MASTER_KEY": MASTER_KEY, "VASYA_LOCAL_TOKEN": "short"},
            "VASYA_LOCAL_TOKEN must be 32 or more printable ASCII characters",
            id="weak token",
        ),
        pytest.param(
            {"SESSION_MASTER_KEY": MASTER_KEY, "AUTH_MODE": "none"},
            "AUTH_MODE must be one of",
            id="unknown auth mode",
        ),
        pytest.param(
            {"SESSION_MASTER_KEY": MASTER_KEY, "VASYA_SENT": "off"},
            "VASYA_SENT is not a setting (did you mean VASYA_SEND?)",
            id="misspelt gate",
        ),
        pytest.param(
            {"SESSION_MASTER_KEY": MASTER_KEY, "WEB_CONCURRENCY": "2"},
            "WEB_CONCURRENCY asks for several worker processes",
            id="several workers",
        ),
        pytest.param(
            {"SESSION_MASTER_KEY": MASTER_KEY, "VASYA_TELEGRAM_DC": "2@127.0.0.1:443"},
            "VASYA_TELEGRAM_DC and VASYA_TELEGRAM_DC_KEY go together",
            id="data centre without key",
        ),
        pytest.param(
            {"SESSION_MASTER_KEY": MASTER_KEY, "VASYA_ALLOWED_ORIGINS": "*"},
            "VASYA_ALLOWED_ORIGINS must be origins such as https://app.example",
            id="every origin",
        ),
        pytest.param(
            {"SESSION_MASTER_KEY": MASTER_KEY, "VASYA_ALLOWED_HOSTS": "*"},
            "VASYA_ALLOWED_HOSTS must be host names such as vasya.example",
            id="every host",
        ),
    ],
)
def test_an_unsafe_setting_ends_the_server(
    data_dir: Path, port: int, settings: dict[str, str], sentence: str
) -> None:
    assert_refused(serve(data_dir, port, **settings), 78, sentence)


def test_no_key_where_there_is_no_keychain_tells_the_two_ways_out(
    data_dir: Path, port: int, tmp_path: Path
) -> None:
    # An empty home and no session bus: no keychain can be reached.
    result = serve(data_dir, port, HOME=str(tmp_path), DBUS_SESSION_BUS_ADDRESS="unix:path=/none")
    assert_refused(result, 78, "There is no OS keychain here to hold the session master key.")
    assert "SESSION_MASTER_KEY_FILE" in result.stderr
    assert "openssl rand -hex 32" in result.stderr


def test_a_key_file_that_others_can_read_ends_the_server(
    data_dir: Path, port: int, tmp_path: Path
) -> None:
    key_file = tmp_path / "key"
    key_file.write_text(MASTER_KEY)
    key_file.chmod(0o644)
    result = serve(data_dir, port, SESSION_MASTER_KEY_FILE=str(key_file))
    assert_refused(result, 78, "SESSION_MASTER_KEY_FILE must belong to the user of this process")


def test_a_data_dir_behind_a_link_ends_the_server(
    data_dir: Path, port: int, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    data_dir.symlink_to(tmp_path / "elsewhere")
    assert_refused(serve(data_dir, port, SESSION_MASTER_KEY=MASTER_KEY), 78, "is a symbolic link")


def test_a_taken_port_ends_the_server(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = serve(data_dir, taken.getsockname()[1], SESSION_MASTER_KEY=MASTER_KEY)
    assert_refused(result, 75, "cannot be opened: Address already in use")


def test_every_wrong_setting_is_named_at_once(data_dir: Path, port: int) -> None:
    result = serve(data_dir, port, VASYA_SEND="maybe", VASYA_READ_DEADLINE_SECS="never")
    assert_refused(result, 78, "VASYA_SEND must be one of on, off")
    assert "VASYA_READ_DEADLINE_SECS must be a whole number from 1 to 300" in result.stderr


@pytest.fixture
def server(data_dir: Path, tmp_path: Path) -> Process:
    process = start(
        tmp_path,
        *("vasya-server", "serve", "--data-dir", str(data_dir), "--port", "0"),
        settings={"SESSION_MASTER_KEY": MASTER_KEY},
    )
    process.line("LISTENING ")
    return process


def test_a_second_server_on_the_data_dir_ends_and_names_the_first(
    server: Process, data_dir: Path, port: int
) -> None:
    result = serve(data_dir, port, SESSION_MASTER_KEY=MASTER_KEY)
    server.stop()
    assert_refused(result, 75, f"Another Vasya process (pid {server.pid}) holds the data dir")


def test_another_master_key_ends_the_server_and_rewrites_nothing(
    server: Process, data_dir: Path, port: int
) -> None:
    server.stop()
    before = {path.name: path.read_bytes() for path in data_dir.iterdir() if path.name != ".lock"}
    result = serve(data_dir, port, SESSION_MASTER_KEY=OTHER_MASTER_KEY)
    assert_refused(result, 78, "The session master key is not the one that sealed this data dir")
    after = {path.name: path.read_bytes() for path in data_dir.iterdir() if path.name != ".lock"}
    assert after == before


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="no command"),
        pytest.param(["dance"], id="unknown command"),
        pytest.param(["serve", "--workers", "4"], id="unknown flag"),
        pytest.param(["serve", "--token", "vl_x"], id="a token is never an argument"),
        pytest.param(["accounts", "export"], id="missing argument"),
        pytest.param(["login", "--qr", "--phone", "+1"], id="two ways to log in"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert_refused(run("vasya-server", *arguments), 2, "usage: vasya-server")
