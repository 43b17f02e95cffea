"""No answer carries what its reader cannot see, whichever route gives it and whoever wrote it (D-11.4)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import pytest
from msgspec import inspect

from tests.api.dirt import BIDI, DIRTY, SEEN, TAG, write_unseen
from tests.api.streaming import POLL, followed, streaming
from tests.api.walking import UNLIMITED, asked
from tests.problems import assert_problem
from vasya_sandbox import fanout
from vasya_sandbox.bots import Button
from vasya_sandbox.records import Entity
from vasya_server.api.routes import OPERATIONS, Kind, Operation
from vasya_server.model.action import Accepted
from vasya_server.model.chat_life import CreatedChat
from vasya_server.model.event import EventPage
from vasya_server.model.interaction import ButtonAnswer
from vasya_server.model.problem import Problem
from vasya_server.model.transcript import Transcript
from vasya_server.telegram.cleaning import holds_untrusted

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

ANSWERS = {"application/json", "application/problem+json"}
# A password's hint is told by the login alone, and is looked at there. A chat that was just made has no public name yet,
# and is told as a list tells it, without what is said about it.
UNFILLED = {("LoginState", "hint"), ("CreatedChat", "username"), ("CreatedChat", "about")}
HUMAN_ONLY = {
    ("ActivityItem", "text"),
    ("ActivityChat", "title"),
    ("Device", "app"),
    ("Device", "device"),
    ("Device", "platform"),
}
UNSEEN = re.compile("[\u202a-\u202e\U000e0000-\U000e007f]")
NEW_CHAT = {"type": "supergroup", "title": DIRTY, "about": DIRTY}
READS = [o for o in OPERATIONS if o.kind is Kind.NONE]


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | UNLIMITED


@pytest.fixture
def dirty(scene: Scene) -> list[tuple[str, int]]:
    return write_unseen(scene)


def answer_type(operation: Operation, query: str, status: int) -> Any:
    if status >= 400:
        return Problem
    if Accepted in get_args(operation.answer):
        return Transcript if status == 200 else Accepted
    shapes = [each for each in get_args(operation.answer) if is_struct(each)]
    if len(shapes) > 1:
        return shapes["view=compact" in query]
    return shape_of(operation)


def is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def shape_of(operation: Operation) -> Any:
    return operation.answer.shape if operation.answers_events else operation.answer


def filled(thing: Any) -> Iterator[tuple[str, str]]:
    """Yield the fields that strangers' strings were read into, wherever they are in an answer."""
    if isinstance(thing, list | tuple | dict):
        for item in thing.values() if isinstance(thing, dict) else thing:
            yield from filled(item)
    if isinstance(thing, msgspec.Struct):
        for part in _parts(type(thing)):
            value = getattr(thing, part.name)
            if value and any(map(_is_text, _leaves(part.type))):
                yield type(thing).__name__, part.name
            yield from filled(value)


def fillable(kind: inspect.Type) -> Iterator[tuple[str, str]]:
    """Yield every field of an answer's type that strangers' strings come in."""
    match kind:
        case inspect.StructType():
            for part in kind.fields:
                if any(map(_is_text, _leaves(part.type))):
                    yield kind.cls.__name__, part.name
                yield from fillable(part.type)
        case inspect.UnionType():
            for each in kind.types:
                yield from fillable(each)
        case inspect.ListType():
            yield from fillable(kind.item_type)


def all_fillable() -> set[tuple[str, str]]:
    answers = [shape_of(o) for o in OPERATIONS if o.answer is not None and not o.answers_file]
    kinds = [kind for answer in answers for kind in get_args(answer) or (answer,)]
    # Lines of a history have the shapes of its pages' items.
    shapes = [*filter(is_struct, kinds), Problem]
    return {each for kind in shapes for each in fillable(inspect.type_info(kind))}


def _parts(kind: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return info.fields


def _leaves(kind: inspect.Type) -> Iterator[inspect.Type]:
    match kind:
        case inspect.UnionType():
            for each in kind.types:
                yield from _leaves(each)
        case inspect.ListType():
            yield from _leaves(kind.item_type)
        case inspect.DictType():
            yield from _leaves(kind.value_type)
        case _:
            yield kind


def _is_text(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.Metadata) and holds_untrusted(kind)


@pytest.mark.parametrize("is_agent", [True, False])
async def test_no_answer_carries_what_cannot_be_seen_and_every_string_was_looked_at(
    agent: httpx.AsyncClient,
    client: httpx.AsyncClient,
    account: str,
    dirty: list[tuple[str, int]],
    gateway: Gateway,
    dc: DataCentre,
    scene: Scene,
    *,
    is_agent: bool,
) -> None:
    asking = agent if is_agent else client
    seen: set[tuple[str, str]] = set()

    async def look(operation: Operation) -> None:
        for what, response in await asked(
            asking, operation, account, dirty, "words", user=str(scene.bob.id)
        ):
            if response.headers.get("content-type") in ANSWERS:
                said = json.dumps(response.json(), ensure_ascii=False)
                assert UNSEEN.search(said) is None, what
                kind = answer_type(operation, what, response.status_code)
                seen.update(filled(msgspec.json.decode(response.content, type=kind)))
            assert UNSEEN.search(str(response.headers)) is None, what

    await asking.post(f"{account}/chats/{dirty[0][0]}/messages", json={"text": DIRTY})
    await followed(gateway, client, account)
    told = await _told(gateway, asking, dc, scene)
    assert UNSEEN.search(told.decode()) is None
    seen.update(filled(msgspec.json.decode(told, type=EventPage)))
    await _have_it_wait(agent, client, f"{account}/chats/{dirty[0][0]}/messages/{dirty[0][1]}")
    pressed = await _pressed(asking, scene, account)
    assert UNSEEN.search(json.dumps(pressed.json(), ensure_ascii=False)) is None
    seen.update(filled(msgspec.json.decode(pressed.content, type=ButtonAnswer)))
    made = await asking.post(f"{account}/chats", json=NEW_CHAT)
    assert UNSEEN.search(json.dumps(made.json(), ensure_ascii=False)) is None
    seen.update(filled(msgspec.json.decode(made.content, type=CreatedChat)))
    hint = await _login_hint(client)
    # What is said in a message stands in it once somebody has asked.
    for operation in sorted(READS, key=lambda operation: operation.name != "get_transcript"):
        await look(operation)
    for operation in OPERATIONS:
        if operation.name == "create_upload":
            await look(operation)

    assert hint == SEEN
    assert all_fillable() - seen == UNFILLED | (HUMAN_ONLY if is_agent else set())


async def _told(gateway: Gateway, asking: httpx.AsyncClient, dc: DataCentre, scene: Scene) -> bytes:
    """Return the events of a message that a stranger writes into a group."""
    wish = {"type": "message.new", "direction": "incoming"}
    async with streaming(gateway, asking, **wish) as stream:
        fanout.publish(dc, scene.world.post(scene.bob, scene.group, DIRTY).notices)
        await stream.event()
        assert UNSEEN.search(stream.raw.decode()) is None
    start = gateway.events.cursor(gateway.owner, 0)
    return (await asking.get(POLL, params={"cursor": start, **wish})).content


async def _have_it_wait(agent: httpx.AsyncClient, client: httpx.AsyncClient, path: str) -> None:
    """Let the agent ask for a reaction that a human is asked about, in a chat whose names cannot be seen."""
    key = f"/api/v1/agent-keys/{(await agent.get('/api/v1/whoami')).json()['keyId']}"
    await client.patch(key, json={"approval": {"messages:react": "always"}})
    assert (await agent.put(f"{path}/reaction", json={"emoji": "👍"})).status_code == 202
    await client.patch(key, json={"approval": None})


async def _pressed(asking: httpx.AsyncClient, scene: Scene, account: str) -> httpx.Response:
    """Press a button of a bot that answers what cannot be seen."""
    button = Button("ok", data=b"x", reply=DIRTY, opens=f"https://a.example/{DIRTY}")
    posted = scene.world.post(scene.bob, scene.alice, "?", buttons=[[button]]).message
    message = posted.copies[scene.alice.id]
    path = f"{account}/chats/{scene.bob.id}/messages/{message}/press"
    return await asking.post(path, json={"button": 0})


async def _login_hint(client: httpx.AsyncClient) -> str:
    """Return the hint that a person left for the password of their account."""
    login = "/api/v1/telegram/login"
    begun = (await client.post(f"{login}/code", json={"phone": "+99966210009"})).json()
    body = {"accountId": begun["accountId"], "code": "12345"}
    return str((await client.post(f"{login}/verify", json=body)).json()["hint"])


async def test_what_was_taken_out_is_told_on_the_object(
    agent: httpx.AsyncClient, account: str, dirty: list[tuple[str, int]]
) -> None:
    chat, message = dirty[0]
    told = (await agent.get(f"{account}/chats/{chat}/messages/{message}")).json()
    listed = (await agent.get(f"{account}/chats/{chat}/messages?view=compact")).json()
    shown = (await agent.get(f"{account}/chats/{chat}")).json()

    # Text, link, language, sender's first and last name and username, and the reaction.
    assert told["text"] == SEEN
    assert told["sanitized"] == {"removed": 12, "classes": ["bidi", "tag"]}
    assert listed["chat"]["sanitized"] == {"removed": 5, "classes": ["bidi", "tag"]}
    seen = [item for item in listed["items"] if item.get("text") == SEEN]
    assert seen
    assert all("sanitized" in item for item in seen)
    assert shown["title"] == "words Bob words"
    assert shown["sanitized"]["classes"] == ["bidi", "tag"]


async def test_formatting_covers_what_it_covered(
    agent: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    text = f"{TAG}so {BIDI}bold"
    bold = [Entity("bold", 6, 4), Entity("italic", 0, 2)]
    posted = scene.world.post(scene.bob, scene.alice, text, entities=bold).message

    path = f"{account}/chats/@bob_b/messages/{posted.copies[scene.alice.id]}"
    answer = (await agent.get(path)).json()

    assert answer["text"] == "so bold"
    assert answer["entities"] == [{"type": "bold", "offset": 3, "length": 4}]
    assert answer["sanitized"] == {"removed": 2, "classes": ["bidi", "tag"]}


async def test_what_is_clean_says_nothing_of_it(agent: httpx.AsyncClient, account: str) -> None:
    page = await agent.get(f"{account}/chats/@bob_b/messages")

    assert "sanitized" not in page.text


@pytest.mark.parametrize("tail", ["", "/{message}"])
async def test_a_human_may_read_texts_as_they_were_written(
    client: httpx.AsyncClient, account: str, dirty: list[tuple[str, int]], tail: str
) -> None:
    chat, message = dirty[0]
    path = f"{account}/chats/{chat}/messages" + tail.format(message=message)

    answer = (await client.get(f"{path}?raw=true")).json()

    items = answer.get("items", [answer])
    assert DIRTY in {item["text"] for item in items}
    assert all("sanitized" not in item for item in items)


@pytest.mark.parametrize("tail", ["", "/{chat}"])
async def test_a_human_may_read_titles_as_they_were_written(
    client: httpx.AsyncClient, account: str, scene: Scene, dirty: list[tuple[str, int]], tail: str
) -> None:
    assert dirty
    path = f"{account}/chats" + tail.format(chat=scene.group.peer_id)

    answer = (await client.get(f"{path}?raw=true")).json()

    items = answer.get("items", [answer])
    assert DIRTY in {item["title"] for item in items}


@pytest.mark.parametrize("path", ["", "/@bob_b", "/@bob_b/messages", "/@bob_b/messages/1"])
async def test_an_agent_may_not(agent: httpx.AsyncClient, account: str, path: str) -> None:
    assert_problem(await agent.get(f"{account}/chats{path}?raw=true"), 403, "human_required")


async def test_a_download_has_a_name_that_can_be_seen(
    agent: httpx.AsyncClient, account: str, dirty: list[tuple[str, int]]
) -> None:
    chat, message = dirty[4]
    response = await agent.get(f"{account}/chats/{chat}/messages/{message}/media")

    assert 'filename="words.pdf"' in response.headers["content-disposition"]
