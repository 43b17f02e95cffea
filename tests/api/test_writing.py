"""What a message can be made of: polls, places, contacts, entities, a long text in pieces; and an edit's file."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.test_undo import action_of, come_due, texts, waiting
from tests.api.test_uploads import upload, upload_pictures
from tests.problems import assert_problem
from vasya_sandbox.polls import Poll
from vasya_sandbox.records import ContactCard, Entity, FileMedia, Place
from vasya_server.auth.chat_lists import ChatRule

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Acting, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import Message

FAMILY = "👨‍👩‍👧‍👦"


def last(scene: Scene) -> Message:
    """Return the newest message that Bob has from Alice."""
    record = scene.world.message(
        scene.bob, scene.alice, scene.world.ids(scene.bob, scene.alice)[-1]
    )
    assert record is not None
    return record


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def first_error(response: httpx.Response) -> tuple[str, str]:
    problem = assert_problem(response, 422, "validation_failed")
    return problem["errors"][0]["pointer"], problem["errors"][0]["code"]


# What stands alone


async def test_a_poll_stands_there_as_it_was_asked_for(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    closes_at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    poll = {
        "question": "Lunch?",
        "options": ["Soup", "Cake", "Both"],
        "isAnonymous": False,
        "isMultiple": True,
        "closesAt": closes_at.isoformat(),
    }

    sent = await client.post(
        f"{account}/chats/{scene.group.peer_id}/messages", json={"poll": poll, "isSilent": True}
    )

    assert sent.status_code == 201, sent.text
    assert sent.json()["media"] == {
        "type": "poll",
        "poll": {
            "question": "Lunch?",
            "options": [
                {"index": 0, "text": "Soup"},
                {"index": 1, "text": "Cake"},
                {"index": 2, "text": "Both"},
            ],
            "isMultiple": True,
            "closesAt": closes_at.isoformat().replace("+00:00", "Z"),
        },
    }
    theirs = scene.world.message(
        scene.bob, scene.group, scene.world.ids(scene.bob, scene.group)[-1]
    )
    assert theirs is not None
    assert isinstance(theirs.media, Poll)
    assert (theirs.media.question, theirs.media.options) == ("Lunch?", ["Soup", "Cake", "Both"])
    assert (theirs.media.is_public, theirs.media.is_multiple) == (True, True)
    assert theirs.media.closes_at == int(closes_at.timestamp())
    assert theirs.is_silent


async def test_a_quiz_has_one_right_answer(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    quiz = {"question": "2 + 2?", "options": ["3", "4"], "correctOption": 1}

    sent = await client.post(to_bob, json={"poll": quiz})

    assert (sent.status_code, sent.json()["media"]["poll"]["isQuiz"]) == (201, True)
    media = last(scene).media
    assert isinstance(media, Poll)
    assert media.correct_option == 1


@pytest.mark.parametrize(
    ("more", "pointer", "code"),
    [
        ({"options": ["one"]}, "/poll/options", "invalid"),
        ({"options": [str(n) for n in range(13)]}, "/poll/options", "invalid"),
        ({"options": ["same", "same"]}, "/poll/options", "repeated"),
        ({"options": ["x" * 101, "y"]}, "/poll/options", "invalid"),
        ({"question": ""}, "/poll/question", "wrong_length"),
        ({"question": "x" * 256}, "/poll/question", "wrong_length"),
        ({"correctOption": 2}, "/poll/correctOption", "out_of_range"),
        ({"correctOption": 0, "isMultiple": True}, "/poll/isMultiple", "not_in_quiz"),
        ({"closesAt": "2001-01-01T00:00:00Z"}, "/poll/closesAt", "out_of_range"),
        ({"color": "red"}, "/poll/color", "unknown"),
    ],
)
async def test_a_poll_that_cannot_be_is_refused_before_telegram_sees_it(
    client: httpx.AsyncClient,
    to_bob: str,
    dc: DataCentre,
    more: dict[str, Any],
    pointer: str,
    code: str,
) -> None:
    poll = {"question": "?", "options": ["a", "b"], **more}

    assert first_error(await client.post(to_bob, json={"poll": poll})) == (pointer, code)
    assert not dc.requests["messages.SendMedia"]


async def test_voters_of_a_channels_poll_are_never_shown(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    own = scene.world.add_channel("Own", scene.alice, [scene.bob], is_broadcast=True)
    poll = {"question": "?", "options": ["a", "b"], "isAnonymous": False}

    refused = await client.post(f"{account}/chats/{own.peer_id}/messages", json={"poll": poll})

    assert first_error(refused) == ("/poll/isAnonymous", "required_in_channel")


async def test_a_place_and_a_contact_reach_the_other_side(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    place = await client.post(
        to_bob, json={"location": {"latitude": 52.52, "longitude": 13.405}, "replyTo": 1}
    )
    assert place.status_code == 201, place.text
    assert place.json()["media"]["type"] == "location"
    assert last(scene).media == Place(52.52, 13.405)

    contact = {"phone": "+99966210003", "firstName": "Кэрол", "lastName": "C."}
    card = await client.post(to_bob, json={"contact": contact})
    assert (card.status_code, card.json()["media"]["title"]) == (201, "Кэрол C.")
    assert last(scene).media == ContactCard("99966210003", "Кэрол", "C.", scene.carol.id)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"location": {"latitude": 91, "longitude": 0}}, "/location/latitude"),
        ({"location": {"latitude": 0, "longitude": -181}}, "/location/longitude"),
        ({"location": {"latitude": 0}}, "/location/longitude"),
        ({"contact": {"phone": "call me", "firstName": "A"}}, "/contact/phone"),
        ({"contact": {"phone": "12345", "firstName": ""}}, "/contact/firstName"),
        ({"text": "x", "location": {"latitude": 0, "longitude": 0}}, "/location"),
        (
            {
                "contact": {"phone": "12345", "firstName": "A"},
                "location": {"latitude": 0, "longitude": 0},
            },
            "/location",
        ),
        ({}, "/text"),
        ({"split": True}, "/text"),
    ],
)
async def test_what_cannot_be_one_message_is_refused_at_its_field(
    client: httpx.AsyncClient, to_bob: str, body: dict[str, Any], pointer: str
) -> None:
    assert first_error(await client.post(to_bob, json=body))[0] == pointer


async def test_a_poll_and_its_repetition_are_one_poll(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    headers = {"Idempotency-Key": "poll"}
    body = {"poll": {"question": "Once?", "options": ["a", "b"]}}

    first, again = [await client.post(to_bob, json=body, headers=headers) for _ in range(2)]

    assert (first.status_code, again.json()) == (201, first.json())
    box = [scene.world.messages[n].media for n in scene.bob.box.numbers.values()]
    assert sum(isinstance(media, Poll) for media in box) == 1


async def test_a_scheduled_poll_is_counted_from_its_own_time(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    at = datetime.now(UTC) + timedelta(days=60)
    poll = {"question": "?", "options": ["a", "b"]}
    said = {"poll": poll, "scheduleAt": at.isoformat()}
    too_early = {**poll, "closesAt": (at - timedelta(days=1)).isoformat()}

    action = await client.post(to_bob, json=said)
    refused = await client.post(to_bob, json={**said, "poll": too_early})

    assert action.status_code == 202
    assert first_error(refused) == ("/poll/closesAt", "out_of_range")
    (sent_id,) = come_due(dc, scene).values()
    done = await action_of(client, action.json()["actionId"])
    assert (done["status"], done["result"]["id"]) == ("done", sent_id)


async def test_a_key_writes_polls_only_where_it_may_write(
    acting: Acting, account: str, scene: Scene
) -> None:
    agent = await acting(ChatRule(ids=frozenset({scene.bob.id})))
    body = {"poll": {"question": "?", "options": ["a", "b"]}}

    elsewhere = await agent.post(f"{account}/chats/{scene.carol.id}/messages", json=body)

    assert_problem(elsewhere, 403, "chat_not_allowed")
    there = await agent.post(f"{account}/chats/{scene.bob.id}/messages", json=body)
    assert there.status_code == 201


# Long texts


async def test_a_text_that_is_too_long_is_refused_unless_it_may_be_split(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    assert first_error(await client.post(to_bob, json={"text": "x" * 4097})) == (
        "/text",
        "too_long",
    )
    short = await client.post(to_bob, json={"text": "short", "split": True})
    assert (short.status_code, "splitIds" in short.json()) == (201, False)
    exact = await client.post(to_bob, json={"text": "y" * 4096, "format": "plain"})
    assert exact.status_code == 201
    assert last(scene).text == "y" * 4096


async def test_a_split_text_arrives_whole_and_in_order(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    paragraphs = [f"Paragraph {n}. " + "All of it is here. " * 90 for n in range(6)]
    text = "\n\n".join(paragraph.strip() for paragraph in paragraphs)

    sent = await client.post(to_bob, json={"text": text, "split": True, "replyTo": 1})

    assert sent.status_code == 201, sent.text
    ids = sent.json()["splitIds"]
    assert sent.json()["id"] == ids[0]
    arrived = texts(scene)[-len(ids) :]
    assert "\n\n".join(arrived) == text
    assert all(units(each) <= 4096 for each in arrived)
    mine = [scene.world.message(scene.alice, scene.bob, each) for each in ids]
    assert [bool(each and each.reply) for each in mine] == [True, False, False]


async def test_pieces_keep_their_formatting_and_their_families(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    text = FAMILY * 500 + " **" + "b" * 300 + "** end"

    sent = await client.post(to_bob, json={"text": text, "split": True})

    pieces = texts(scene)[-len(sent.json()["splitIds"]) :]
    assert "".join(pieces).count(FAMILY) == 500
    assert {piece.replace(FAMILY, "") for piece in pieces[:-1]} == {""}
    assert last(scene).entities == [
        Entity("bold", units(pieces[-1].partition("b")[0]), 300),
    ]


async def test_a_split_text_is_as_many_messages_for_its_budget(
    with_key: Any, to_bob: str, scene: Scene
) -> None:
    agent = await with_key(budgets={"sendsPerDay": 2})
    before = len(texts(scene))

    three = await agent.post(to_bob, json={"text": "word " * 2000, "split": True})
    assert_problem(three, 429, "budget_exhausted")
    assert len(texts(scene)) == before
    two = await agent.post(to_bob, json={"text": "word " * 1500, "split": True})
    assert (two.status_code, len(two.json()["splitIds"])) == (201, 2)
    assert_problem(await agent.post(to_bob, json={"text": "x"}), 429, "budget_exhausted")


async def test_more_than_ten_pieces_are_too_many(
    client: httpx.AsyncClient, to_bob: str, dc: DataCentre
) -> None:
    ten = await client.post(to_bob, json={"text": "x" * 40_960, "split": True})
    assert len(ten.json()["splitIds"]) == 10
    dc.reset_counters()

    eleven = await client.post(to_bob, json={"text": "x" * 40_961, "split": True})

    assert first_error(eleven) == ("/text", "too_long")
    assert not dc.requests["messages.SendMessage"]


async def test_a_scheduled_split_text_waits_as_a_whole_and_in_order(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    text = " ".join(f"word{n}" for n in range(1000))

    action = (
        await client.post(to_bob, json={"text": text, "split": True, "scheduleAt": at})
    ).json()

    assert len(action["scheduledIds"]) == len(waiting(scene)) == 2
    sent = come_due(dc, scene)
    done = await action_of(client, action["actionId"])
    assert done["result"]["splitIds"] == list(sent.values())
    assert " ".join(texts(scene)[-2:]) == text


async def test_a_piece_that_was_sent_is_not_sent_again_when_a_later_one_was_too_early(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.supergroup.slow_mode_secs = 1
    path = f"{account}/chats/@garden_club/messages"
    headers = {"Idempotency-Key": "long"}
    body = {"text": "a" * 4096 + "b" * 10, "split": True, "format": "plain"}

    first = await client.post(path, json=body, headers=headers)
    assert_problem(first, 409, "outcome_unknown")
    async with asyncio.timeout(15):
        while (again := await client.post(path, json=body, headers=headers)).status_code != 201:
            await asyncio.sleep(0.2)

    found = [scene.world.messages[n].text for n in scene.supergroup.box.numbers.values()]
    assert found[-2:] == ["a" * 4096, "b" * 10]
    assert len(again.json()["splitIds"]) == found.count("a" * 4096) + 1 == 2


# Files of edits


async def test_an_edit_gives_a_message_another_file_and_keeps_its_words(
    client: httpx.AsyncClient, account: str, to_bob: str, scene: Scene
) -> None:
    one, other = await upload_pictures(client, account, 2)
    sent = (await client.post(to_bob, json={"text": "**look**", "media": [one]})).json()
    before = last(scene).media

    edited = await client.patch(f"{to_bob}/{sent['id']}", json={"media": [other]})

    assert edited.status_code == 200, edited.text
    assert (edited.json()["text"], edited.json()["media"]["type"]) == ("look", "photo")
    assert last(scene).media != before
    assert (last(scene).text, last(scene).entities) == ("look", [Entity("bold", 0, 4)])

    both = await client.patch(f"{to_bob}/{sent['id']}", json={"text": "new", "media": [one]})
    assert (both.json()["text"], last(scene).text, last(scene).media) == ("new", "new", before)
    again = await client.patch(f"{to_bob}/{sent['id']}", json={"text": "new", "media": [one]})
    assert again.status_code == 200


async def test_an_edit_of_nothing_with_nothing_or_with_what_is_not_there_is_refused(
    client: httpx.AsyncClient, account: str, to_bob: str
) -> None:
    (one,) = await upload_pictures(client, account, 1)
    sent = (await client.post(to_bob, json={"media": [one]})).json()
    path = f"{to_bob}/{sent['id']}"

    assert first_error(await client.patch(path, json={})) == ("/text", "missing")
    assert first_error(await client.patch(path, json={"media": [one, one]}))[0] == "/media"
    gone = await client.patch(path, json={"media": ["upl_nothing"]})
    assert_problem(gone, 404, "upload_not_found")


async def test_a_photo_of_an_album_does_not_become_a_document(
    client: httpx.AsyncClient, account: str, to_bob: str, scene: Scene
) -> None:
    pictures = await upload_pictures(client, account, 2)
    document = await upload(client, account)
    sent = (await client.post(to_bob, json={"media": pictures})).json()

    refused = await client.patch(f"{to_bob}/{sent['id']}", json={"media": [document]})

    assert first_error(refused) == ("/media", "other_kind")
    assert isinstance(last(scene).media, FileMedia)


async def test_a_dry_run_of_an_edit_changes_nothing(
    client: httpx.AsyncClient, account: str, to_bob: str, scene: Scene
) -> None:
    (one,) = await upload_pictures(client, account, 1)
    sent = (await client.post(to_bob, json={"text": "words"})).json()

    told = await client.patch(f"{to_bob}/{sent['id']}?dryRun=true", json={"media": [one]})

    assert (told.status_code, told.json()["preview"]["mediaCount"]) == (200, 1)
    assert last(scene).media is None
