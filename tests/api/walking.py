"""Every operation there is, asked for with what makes it say or do something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.api.changes import reaching
from vasya_server.api.routes import BASE_PATH, Operation
from vasya_server.model.base import OptionalInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

# What a path names, in the form of a real one.
NAMED = {
    "account": "acc_" + "c" * 26,
    "chat": "@bob_b",
    "message": "1",
    "user": "@bob_b",
    "topic": "1",
    "folder": "2",
    "invite": "AbCdEfGhIjKlMnOp",
    "hash": "1",
    "photo": "1",
    "ticket": "vt_" + "0" * 64,
    "login": "acc_" + "a" * 26,
    "action": "act_" + "a" * 26,
    "key": "ak" + "0" * 16,
    "name": "deepgram",
    "webhook": "whk_" + "a" * 26,
    "delivery": "dlv_" + "a" * 26,
}
LIST = "list_messages"
# It has no end. What it tells of an event is byte by byte what a poll does, which is walked.
STREAM = "stream_events"
# A walk asks more than a key may: an answer that says so would prove nothing.
UNLIMITED = {
    "VASYA_LIMIT_AUTHFAIL_PER_MIN": "100000",
    "VASYA_LIMIT_READ_PER_MIN": "100000",
    "VASYA_LIMIT_READ_BURST": "100000",
    "VASYA_LIMIT_MUTATE_PER_MIN": "100000",
    "VASYA_LIMIT_MUTATE_BURST": "100000",
    "VASYA_LIMIT_CHAT_PER_HOUR": "100000",
}


def bodies(operation: Operation, chat: str, message: int) -> list[dict[str, Any]]:
    """Return bodies for *operation* that reach for a message of *chat*; one that names a chat stands in tests/api/changes."""
    examples = reaching(chat, message)
    if operation.body is None or issubclass(operation.body, OptionalInput):
        return [{}]
    if "{chat}" not in operation.path:
        return examples.get(operation.body, [{}])
    return examples[operation.body]


def queries(operation: Operation, words: str) -> list[str]:
    """Return the queries to try; *words* are looked for where something can be."""
    if operation.query is None:
        return [""]
    known = set(operation.query.__struct_encode_fields__)
    found = [""] if not known & {"forEveryone"} else ["forEveryone=false"]
    if "q" in known:
        found = [*found, f"q={words}"] if operation.name != "resolve_reference" else [f"q={words}"]
    if operation.name == "search_messages":
        found.append("since=1d")
    if "view" in known:
        found += [f"view=compact&{query}".rstrip("&") for query in found]
    if operation.name == LIST:
        found += ["type=document", "type=link,text"]
        found += ["order=asc&unread=true", "from=777000", "limit=1"]
    return found


def path_of(
    operation: Operation, account: str, chat: str, message: int, user: str = NAMED["user"]
) -> str:
    """Return the path of *operation* for that chat, message and user."""
    path = operation.path.removeprefix("/accounts/{account}")
    root = BASE_PATH if path == operation.path else account
    return root + path.format(**NAMED | {"chat": chat, "message": str(message), "user": user})


async def asked(
    client: httpx.AsyncClient,
    operation: Operation,
    account: str,
    places: list[tuple[str, int]],
    words: str,
    user: str = NAMED["user"],
) -> list[tuple[str, httpx.Response]]:
    """Ask for *operation* at every place, and return the answers with what was asked for."""
    found: list[tuple[str, httpx.Response]] = []
    if operation.name == STREAM:
        return found
    for chat, message in places if "{chat}" in operation.path else places[:1]:
        path = path_of(operation, account, chat, message, user)
        for query in queries(operation, words):
            for content in _contents(operation, chat, message):
                response = await client.request(
                    operation.method, f"{path}?{query}" if query else path, **content
                )
                found.append((f"{operation.method} {path}?{query} {content}", response))
    return found


def _contents(operation: Operation, chat: str, message: int) -> Iterator[dict[str, Any]]:
    if operation.takes_file:
        yield {"content": b"abc", "headers": {"Content-Type": "text/plain"}}
    elif operation.body is None:
        yield {}
    else:
        for body in bodies(operation, chat, message):
            yield {"json": body}
