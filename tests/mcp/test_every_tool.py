"""Every tool, driven once by the official client: what it does is seen by the REST API of the owner."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.mcp.conftest import ERAS, FRIEND, WAYS, connected, text_of
from tests.mcp.test_tools import ALL

if TYPE_CHECKING:
    from mcp.client.client import Client

    from tests.e2e.test_demo import Demo

BOT = "@demo_ferry_bot"
POLL = {"question": "Soup?", "options": ["yes", "no"]}


class Driver:
    """Calls tools, each of which must succeed, and remembers which."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.called: set[str] = set()

    async def __call__(self, tool: str, /, **arguments: Any) -> Any:
        self.called.add(tool)
        answer = await self._client.call_tool(tool, arguments)
        assert not answer.is_error, (tool, arguments, text_of(answer))
        if answer.structured_content is not None:
            assert json.loads(text_of(answer).splitlines()[-1]) == answer.structured_content
        else:
            assert "<telegram-" in text_of(answer) or tool in {"tg_get_media", "tg_transcribe"}, (
                tool
            )
        return answer.structured_content


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("way", WAYS)
async def test_every_tool_works(demo: Demo, key: str, way: str, era: str) -> None:
    async with connected(way, demo.api.url, key, era) as client:
        call = Driver(client)
        await _read(call, demo)
        await _write(call, demo)
        await _chats(call, demo)
    # Files are those of one machine: test_files.py.
    assert set(ALL) - call.called == {"tg_send_media"}


async def _read(call: Driver, demo: Demo) -> None:
    await call("tg_whoami")
    await call("tg_list_chats", limit=3)
    await call("tg_get_chat", chat=FRIEND)
    await call("tg_find_chat", q=FRIEND)
    await call("tg_list_folders")
    await call("tg_read_messages", chat=FRIEND, limit=3)
    await call("tg_search_messages", q="the", limit=3)
    await call("tg_catch_up", perChat=1)
    await call("tg_wait_events", wait=0)
    (voice,) = demo.api.get(f"/accounts/me/chats/{FRIEND}/messages?type=voice&limit=1")["items"]
    await call("tg_get_media", chat=FRIEND, message=voice["id"])
    await call("tg_transcribe", chat=FRIEND, message=voice["id"])


async def _write(call: Driver, demo: Demo) -> None:
    sent = await call("tg_send_message", chat=FRIEND, text="one *word*")
    edited = await call("tg_edit_message", chat=FRIEND, message=sent["id"], text="two words")
    assert edited["id"] == sent["id"]
    assert demo.api.get(f"/accounts/me/chats/{FRIEND}/messages/{sent['id']}")["text"] == "two words"
    await call("tg_react", chat=FRIEND, message=sent["id"], emoji="👍")
    await call("tg_mark_read", chat=FRIEND)
    await call("tg_save_draft", chat=FRIEND, text="later")
    assert demo.api.get(f"/accounts/me/chats/{FRIEND}/draft")["text"] == "later"
    await call("tg_forward_messages", chat="me", fromChat=FRIEND, messageIds=[sent["id"]])
    gone = await call("tg_delete_messages", chat=FRIEND, ids=[sent["id"]], forEveryone=True)
    assert gone["deleted"] == [sent["id"]]
    bot = demo.api.get(f"/accounts/me/chats/{BOT}/messages?limit=20")["items"]
    asking = next(each for each in bot if "buttons" in each)
    pressed = next(each["id"] for each in asking["buttons"] if each["kind"] == "callback")
    await call("tg_press_button", chat=BOT, message=asking["id"], button=pressed)
    later = await call("tg_send_message", chat=FRIEND, text="in a month", scheduleAt=_soon())
    assert later["status"] == "scheduled"
    checked = await call("tg_check_action", action=later["actionId"])
    assert checked["status"] == "scheduled"
    ended = await call("tg_cancel_action", action=later["actionId"])
    assert ended["status"] == "cancelled"


async def _chats(call: Driver, demo: Demo) -> None:
    made = await call("tg_create_chat", type="supergroup", title="A place to meet")
    chat = str(made["id"])
    await call("tg_send_poll", chat=chat, poll=POLL)
    await call("tg_update_chat", chat=chat, isMuted=True)
    assert demo.api.get(f"/accounts/me/chats/{chat}")["isMuted"] is True
    friend = demo.api.get(f"/accounts/me/chats/{FRIEND}")["id"]
    demo.api.call("POST", f"/accounts/me/chats/{chat}/members", {"userIds": [friend]})
    await call("tg_list_members", chat=chat)
    await call(
        "tg_manage_member", chat=chat, user=FRIEND, role="admin", rights={"canPinMessages": True}
    )
    public = _public(demo)
    await call("tg_leave_chat", chat=public)
    await call("tg_join_chat", link=public)


def _soon() -> str:
    return (datetime.now(UTC) + timedelta(days=30)).isoformat()


def _public(demo: Demo) -> str:
    """Return a channel of somebody else's: one's own cannot be left."""
    channels = demo.api.get("/accounts/me/chats?type=channel&limit=50")["items"]
    found = [each for each in channels if "username" in each and not each.get("canSend")]
    return f"@{found[0]['username']}"
