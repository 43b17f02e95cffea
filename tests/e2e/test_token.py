"""JWT mode as a person runs it: a server without a token of its own, and the commands that make and end tokens."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.e2e.processes import MASTER_KEY, Api, Process, exchange, run, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from subprocess import CompletedProcess

SECRET = "Fq3vT9xLm2Kp7WzR4yHc8NsJ6bDgUeAo"
SETTINGS = {"SESSION_MASTER_KEY": MASTER_KEY, "AUTH_MODE": "jwt", "JWT_SECRET": SECRET}
HUMAN_AND_CHATS = ("--scope", "human chats:read", "--scope", "messages:read")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def server(tmp_path: Path, data_dir: Path) -> Iterator[Process]:
    process = serve(tmp_path, data_dir)
    yield process
    process.stop()


def serve(folder: Path, data_dir: Path, **settings: str) -> Process:
    where = ("--data-dir", str(data_dir), "--port", "0")
    process = start(folder, "vasya-server", "serve", *where, settings=SETTINGS | settings)
    process.line("LISTENING http://127.0.0.1:")
    return process


def command(*arguments: str, stdin: str = "", **settings: str) -> CompletedProcess[str]:
    done = run("vasya-server", *arguments, stdin=stdin, settings=SETTINGS | settings)
    assert "Traceback" not in done.stderr
    return done


def create(owner: str = "alice", *more: str, **settings: str) -> str:
    done = command("token", "create", "--owner", owner, "--ttl", "12h", *more, **settings)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def revoke(data_dir: Path, *which: str, **settings: str) -> CompletedProcess[str]:
    return command("token", "revoke", *which, "--data-dir", str(data_dir), **settings)


def url_of(data_dir: Path) -> str:
    told = json.loads((data_dir / "embedded.json").read_text())
    assert set(told) == {"url", "port", "pid", "bootId"}
    return str(told["url"])


def status(url: str, token: str) -> int:
    return Api(url, token).call("GET", "/whoami")[0]


def test_a_server_in_jwt_mode_hands_out_no_token_and_says_what_it_does_not_ask_for(
    server: Process, data_dir: Path
) -> None:
    url = url_of(data_dir)

    assert exchange("GET", f"{url}/api/v1/whoami")[0] == 401
    told = [json.loads(line) for line in server.stderr.splitlines()]
    assert [line["message"] for line in told if line["level"] == "warning"] == [
        "JWT_ISSUER is not set: tokens of every issuer with the secret are taken",
        "JWT_AUDIENCE is not set: tokens that name an audience are refused",
        "JWT_MAX_LIFETIME_SECS is not set: tokens may live for any time",
    ]
    assert SECRET not in server.stderr


def test_a_server_that_asks_for_everything_says_nothing(tmp_path: Path, data_dir: Path) -> None:
    rules = {"JWT_ISSUER": "cli", "JWT_AUDIENCE": "vasya", "JWT_MAX_LIFETIME_SECS": "43200"}
    process = serve(tmp_path, data_dir, **rules)
    token = create("alice", **rules)
    taken = status(url_of(data_dir), token)
    refused = status(url_of(data_dir), create("alice"))

    assert process.stop() == 0
    assert (taken, refused) == (200, 401)
    assert "is not set" not in process.stderr


def test_a_token_is_printed_once_and_opens_the_server(server: Process, data_dir: Path) -> None:
    done = command("token", "create", "--owner", "alice", "--ttl", "30m")
    token = done.stdout.strip()
    told = Api(url_of(data_dir), token).get("/whoami")

    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]{43}", token)
    assert token not in done.stderr
    assert "A token for alice, good until 20" in done.stderr
    assert (told["kind"], told["accounts"]) == ("jwt", [])


def test_a_narrow_token_for_programs(server: Process, data_dir: Path) -> None:
    made = json.loads(create("alice", *HUMAN_AND_CHATS, "--json"))
    told = Api(url_of(data_dir), made["token"]).get("/whoami")

    assert set(made) == {"token", "owner", "jti", "expiresAt", "scope"}
    assert made["owner"] == "alice"
    assert made["scope"] == "human chats:read messages:read"
    assert made["expiresAt"].endswith("Z")
    assert told["scopes"] == ["chats:read", "messages:read"]


def test_tokens_are_revoked_beside_a_running_server(
    server: Process, data_dir: Path, tmp_path: Path
) -> None:
    url = url_of(data_dir)
    by_file, by_name, rest, foreign = (
        create(),
        json.loads(create("alice", "--json")),
        create(),
        create("bob"),
    )
    (tmp_path / "lost.jwt").write_text(f"{by_file}\n")
    before = [status(url, each) for each in (by_file, by_name["token"], rest, foreign)]

    assert before == [200, 200, 200, 200]
    assert revoke(data_dir, "--token-file", str(tmp_path / "lost.jwt")).returncode == 0
    assert revoke(data_dir, "--jti", by_name["jti"], "--owner", "alice").returncode == 0
    assert [status(url, each) for each in (by_file, by_name["token"], rest)] == [401, 401, 200]
    assert revoke(data_dir, "--owner", "alice", "--all").returncode == 0
    assert [status(url, each) for each in (rest, foreign, create())] == [401, 200, 200]


def test_an_empty_name_is_refused_and_never_read_as_all(server: Process, data_dir: Path) -> None:
    token = create()
    done = revoke(data_dir, "--owner", "alice", "--jti", "")

    assert done.returncode == 1
    assert "jti: wrong form" in done.stderr
    assert status(url_of(data_dir), token) == 200


def test_an_owner_revokes_with_a_token_and_without_the_secret(
    server: Process, data_dir: Path
) -> None:
    lost, kept = json.loads(create("alice", "--json")), create()
    own = {"AUTH_MODE": "embedded", "JWT_SECRET": "", "VASYA_TOKEN": kept}
    done = revoke(data_dir, "--jti", lost["jti"], **own)

    assert done.returncode == 0, done.stderr
    assert status(url_of(data_dir), lost["token"]) == 401
    assert status(url_of(data_dir), kept) == 200


def test_tokens_are_revoked_while_no_server_runs(tmp_path: Path, data_dir: Path) -> None:
    lost, kept = create(), create("bob")
    done = command("token", "revoke", "--token-file", "-", "--data-dir", str(data_dir), stdin=lost)
    process = serve(tmp_path, data_dir)
    told = [status(url_of(data_dir), each) for each in (lost, kept)]
    process.stop()

    assert done.returncode == 0, done.stderr
    assert told == [401, 200]


def test_commands_use_the_callers_own_token(tmp_path: Path, data_dir: Path) -> None:
    listing = ("accounts", "list", "--json", "--data-dir", str(data_dir))
    offline = command(*listing, VASYA_TOKEN=create())
    nobody = command(*listing)
    process = serve(tmp_path, data_dir)
    online = command(*listing, VASYA_TOKEN=create())
    still_nobody = command(*listing)
    process.stop()

    assert [json.loads(done.stdout) for done in (offline, online)] == [{"items": []}] * 2
    assert (nobody.returncode, still_nobody.returncode) == (77, 77)
    assert "VASYA_TOKEN holds none" in nobody.stderr
    assert "vasya-server token create" in still_nobody.stderr


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        pytest.param({"JWT_SECRET": ""}, "JWT_SECRET is not set", id="no secret"),
        pytest.param({"JWT_SECRET": SECRET[:31]}, "must be 32 or more random bytes", id="short"),
        pytest.param(
            {"JWT_SECRET": "changeme-" * 5 + SECRET}, "is a placeholder", id="placeholder"
        ),
        pytest.param({"JWT_SECRET": MASTER_KEY}, "is the session master key", id="master key"),
        pytest.param({"VASYA_HOST": "0.0.0.0"}, "leaves loopback", id="in clear"),  # noqa: S104 — refused
    ],
)
def test_an_unsafe_jwt_mode_does_not_start(
    data_dir: Path, settings: dict[str, str], sentence: str
) -> None:
    where = ("--data-dir", str(data_dir), "--port", "0")
    done = command("serve", *where, **settings)

    assert (done.returncode, done.stdout) == (78, "")
    assert sentence in done.stderr


def test_behind_a_proxy_with_tls_it_listens_everywhere_and_answers_for_its_names(
    tmp_path: Path, data_dir: Path
) -> None:
    proxy = {"VASYA_PUBLIC_URL": "https://vasya.example", "VASYA_TRUSTED_PROXIES": "172.18.0.2"}
    process = serve(tmp_path, data_dir, VASYA_HOST="0.0.0.0", **proxy)  # noqa: S104 — behind a proxy
    url = url_of(data_dir)
    statuses = [
        exchange("GET", f"{url}/api/v1/health", headers={"Host": host})[0]
        for host in ("vasya.example", url.removeprefix("http://"), "0.0.0.0", "evil.example")  # noqa: S104 — a name
    ]
    process.stop()

    assert statuses == [200, 200, 421, 421]
