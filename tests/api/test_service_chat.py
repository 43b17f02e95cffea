"""What Telegram itself writes to the account is for people alone: an agent reads no login code, however it asks (D-11.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.conftest import followed
from tests.api.walking import UNLIMITED, asked
from tests.problems import assert_problem
from vasya_sandbox.records import Entity, FileMedia, Reply
from vasya_server.api.routes import OPERATIONS, Kind, Operation

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import Message, Peer, User

SERVICE = "777000"
CODE = "48217391"
WORDS = f"Login code: {CODE}"
REDACTED = "service_notification"


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | UNLIMITED


@pytest.fixture
def notice(scene: Scene) -> Message:
    """Let Telegram write a code, with a file that says it too; it is the newest of the chat."""
    world = scene.world
    file = world.add_file("document", "text/plain", data=CODE.encode(), name=f"{CODE}.txt")
    link = Entity("text_link", 0, 5, url=f"https://example.org/{CODE}")
    world.post(world.service, scene.alice, "Welcome")
    return world.post(
        world.service, scene.alice, f"{WORDS}.", entities=[link], media=FileMedia(file.id)
    ).message


@pytest.fixture
def places(scene: Scene, notice: Message) -> list[tuple[str, int]]:
    """Return every chat that the code stands in now, and as which message."""
    world, alice, bob = scene.world, scene.alice, scene.bob

    def passed_on(sender: User, peer: Peer) -> Message:
        own = notice
        if sender is not alice:  # who got the same
            own = world.post(world.service, sender, notice.text, media=notice.media).message
        return world.post(sender, peer, own.text, media=own.media, forward_from=own).message

    def quoted(peer: Peer) -> Message:
        reply = Reply(notice.number, quote=WORDS)
        return world.post(alice, peer, "this one", reply_to=reply).message

    found = [(SERVICE, notice.copies[alice.id])]
    for name, peer in (("@bob_b", bob), ("me", alice), ("@garden_club", scene.supergroup)):
        box = peer.peer_id if peer is scene.supergroup else alice.id
        found += [
            (name, made(peer).copies[box]) for made in (quoted, lambda p: passed_on(alice, p))
        ]
    group = passed_on(bob, scene.group)
    found.append((str(scene.group.peer_id), group.copies[alice.id]))
    post = passed_on(scene.carol, scene.channel)
    found.append(("@daily_news", post.copies[scene.channel.peer_id]))
    return found


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
async def test_no_route_tells_an_agent_the_code(
    agent: httpx.AsyncClient, account: str, places: list[tuple[str, int]], operation: Operation
) -> None:
    for what, response in await asked(agent, operation, account, places, CODE):
        assert CODE not in f"{response.text}{response.headers}", what
        assert response.status_code != 500, what


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
async def test_no_route_lets_an_agent_pass_the_code_on(
    agent: httpx.AsyncClient,
    account: str,
    scene: Scene,
    places: list[tuple[str, int]],
    operation: Operation,
) -> None:
    before = len(scene.world.messages)

    await asked(agent, operation, account, places, CODE)

    made = list(scene.world.messages.values())[before:]
    assert all(CODE not in f"{message.text}{message.reply}" for message in made)
    assert all(message.forward is None for message in made)


@pytest.mark.parametrize(
    "operation",
    [o for o in OPERATIONS if o.kind is Kind.TELEGRAM and "{chat}" in o.path],
    ids=lambda o: o.name,
)
async def test_an_agent_changes_nothing_in_the_service_chat(
    agent: httpx.AsyncClient,
    account: str,
    dc: DataCentre,
    places: list[tuple[str, int]],
    operation: Operation,
) -> None:
    await agent.get(f"{account}/chats")
    await followed(dc)
    dc.reset_counters()

    for _, response in await asked(agent, operation, account, places[:1], CODE):
        assert_problem(response, 403, "service_chat")

    assert dict(dc.requests) == {}


async def test_people_read_it(
    client: httpx.AsyncClient, account: str, places: list[tuple[str, int]]
) -> None:
    for chat, message in places:
        found = (await client.get(f"{account}/chats/{chat}/messages/{message}")).text
        assert CODE in found, chat
    media = await client.get(f"{account}/chats/{SERVICE}/messages/{places[0][1]}/media")
    assert media.content == CODE.encode()
    hits = await client.get(f"{account}/chats/{SERVICE}/messages?q={CODE}")
    assert len(hits.json()["items"]) == 1


async def test_an_agent_sees_that_there_is_one_and_nothing_of_it(
    agent: httpx.AsyncClient, account: str, notice: Message, scene: Scene
) -> None:
    message_id = notice.copies[scene.alice.id]
    answer = (await agent.get(f"{account}/chats/{SERVICE}/messages/{message_id}")).json()

    del answer["sentAt"]
    assert answer == {
        "id": message_id,
        "chatId": 777000,
        "sender": {"id": 777000, "type": "user", "name": "Telegram"},
        "redacted": REDACTED,
    }


async def test_the_chat_list_and_the_compact_page_are_redacted_too(
    agent: httpx.AsyncClient, account: str, notice: Message
) -> None:
    assert notice
    chats = (await agent.get(f"{account}/chats")).json()["items"]
    page = (await agent.get(f"{account}/chats/{SERVICE}/messages?view=compact")).json()

    last = next(chat for chat in chats if chat["id"] == 777000)["lastMessage"]
    assert set(last) == {"id", "sentAt", "redacted"}
    assert [item["redacted"] for item in page["items"]] == [REDACTED, REDACTED]


@pytest.mark.parametrize(
    "query", ["q=Login", "q=nothing", "type=document", "type=photo", "q=a&limit=1"]
)
async def test_a_search_in_the_service_chat_is_the_same_whatever_it_says(
    agent: httpx.AsyncClient, account: str, dc: DataCentre, notice: Message, query: str
) -> None:
    assert notice
    await agent.get(f"{account}/chats")
    await followed(dc)
    dc.reset_counters()

    answer = await agent.get(f"{account}/chats/{SERVICE}/messages?{query}")

    assert answer.json() == {"items": [], "trust": "untrusted"}
    assert dict(dc.requests) == {}


@pytest.mark.parametrize("chat", ["me", "@bob_b", "@garden_club", "@daily_news"])
@pytest.mark.parametrize(
    "query", [f"q={CODE}", "q=Login code", "type=document", f"q={CODE}&limit=1"]
)
async def test_a_search_elsewhere_does_not_find_what_was_passed_on(
    agent: httpx.AsyncClient,
    account: str,
    places: list[tuple[str, int]],
    chat: str,
    query: str,
) -> None:
    assert places
    answer = await agent.get(f"{account}/chats/{chat}/messages?{query}")

    assert answer.json() == {"items": [], "trust": "untrusted"}


async def test_a_search_finds_what_people_wrote_beside_it(
    agent: httpx.AsyncClient, account: str, scene: Scene, notice: Message
) -> None:
    scene.world.post(scene.bob, scene.alice, "my Login code to the door")
    for _ in range(3):
        scene.world.post(scene.bob, scene.alice, notice.text, forward_from=notice)

    answer = await agent.get(f"{account}/chats/@bob_b/messages?q=Login code&limit=1")

    assert [item["text"] for item in answer.json()["items"]] == ["my Login code to the door"]


@pytest.mark.parametrize("file", ["media", "thumb"])
async def test_its_files_are_refused_wherever_they_stand(
    agent: httpx.AsyncClient, account: str, places: list[tuple[str, int]], file: str
) -> None:
    for chat, message in places:
        response = await agent.get(f"{account}/chats/{chat}/messages/{message}/{file}")
        assert_problem(response, 403, "service_chat")


@pytest.mark.parametrize("as_copy", [False, True])
async def test_what_was_passed_on_is_not_passed_on_again(
    agent: httpx.AsyncClient, account: str, places: list[tuple[str, int]], *, as_copy: bool
) -> None:
    for chat, message in places:
        body = {"fromChat": chat, "messageIds": [message], "asCopy": as_copy}
        response = await agent.post(f"{account}/chats/@carol_c/messages/forward", json=body)
        assert_problem(response, 403, "service_chat")


async def test_a_quote_does_not_tell_whether_a_guess_is_right(
    agent: httpx.AsyncClient, account: str, places: list[tuple[str, int]]
) -> None:
    chat, message = places[4]
    for guess in (CODE[:2], "no such words"):
        body = {"text": "x", "replyTo": message, "quote": guess}
        response = await agent.post(f"{account}/chats/{chat}/messages", json=body)
        assert_problem(response, 403, "service_chat")


async def test_a_quote_does_not_reach_into_the_service_chat_from_another(
    agent: httpx.AsyncClient, account: str, notice: Message, scene: Scene
) -> None:
    body = {"text": "x", "replyTo": notice.copies[scene.alice.id], "quote": CODE}

    response = await agent.post(f"{account}/chats/@bob_b/messages", json=body)

    assert_problem(response, 404, "message_not_found")


async def test_what_people_write_about_a_code_is_theirs(
    agent: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    posted = scene.world.post(scene.bob, scene.alice, "Login code: 11111").message

    answer = await agent.get(f"{account}/chats/@bob_b/messages/{posted.copies[scene.alice.id]}")

    assert answer.json()["text"] == "Login code: 11111"
