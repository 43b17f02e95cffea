"""The owner's chat as a phone sees it."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from tests.api.conftest import API
from vasya_sandbox import scheduling

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre

_CODE = re.compile(r"^vasya yes ([a-z2-7]{8})$", re.MULTILINE)


async def open_line(client: httpx.AsyncClient, account_id: str, **more: Any) -> None:
    """Switch the line on."""
    body = {"ownerChat": {"isOn": True, "accountId": account_id, **more}}
    response = await client.patch(f"{API}/settings", json=body)
    assert response.status_code == 200, response.text


def notes(scene: Scene) -> list[str]:
    """Return what stands in Alice's Saved Messages, oldest first."""
    ids = scene.world.ids(scene.alice, scene.alice)
    found = [scene.world.message(scene.alice, scene.alice, each) for each in ids]
    return [message.text for message in found if message is not None]


def waiting(scene: Scene) -> list[str]:
    """Return what waits for its time in Saved Messages."""
    outbox = scheduling.outbox(scene.world, scene.alice)
    return [each.draft.text for each in outbox.within(scene.alice.id)]


async def until(what: Any, secs: float = 8) -> Any:
    """Return what *what* returns as soon as it is something."""
    async with asyncio.timeout(secs):
        while not (found := what()):
            await asyncio.sleep(0.02)
    return found


async def asked(dc: DataCentre, scene: Scene) -> tuple[str, str]:
    """Let the phone ring, and return what is asked and the code."""
    await until(lambda: waiting(scene))
    outbox = scheduling.outbox(scene.world, scene.alice)
    scheduling.send_due(dc, scene.alice, outbox.within(scene.alice.id))
    text = next(each for each in reversed(notes(scene)) if _CODE.search(each))
    found = _CODE.search(text)
    assert found is not None
    return text, found[1]


async def answered(scene: Scene, beginning: str) -> str:
    """Wait for what the gateway says."""
    return str(
        await until(lambda: next((e for e in notes(scene) if e.startswith(beginning)), None))
    )


async def nothing_new(scene: Scene, before: list[str], secs: float = 0.6) -> None:
    """See that the gateway says nothing for a moment."""
    await asyncio.sleep(secs)
    assert notes(scene) == before
