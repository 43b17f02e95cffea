"""Files of the adapter's machine: what is sent from one folder, what is saved to another, and nothing else (D-11.8)."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from tests.mcp.conftest import FRIEND, over_http, over_stdio, text_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.test_demo import Demo

ERA = "2026-07-28"
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002"
    "000001e221bc330000000049454e44ae426082"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an upload folder with one good file, and what must never leave it."""
    outside = tmp_path / "id_ed25519"
    outside.write_text("the key to everything")
    folder = tmp_path / "uploads"
    (folder / "sub").mkdir(parents=True)
    (folder / "notes.txt").write_text("the agenda")
    (folder / "sub" / "more.txt").write_text("and more")
    (folder / ".hidden").write_text("hidden")
    (folder / "link.txt").symlink_to(outside)
    (folder / "elsewhere").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    return folder


async def test_files_of_the_upload_folder_are_sent_and_read_back(
    demo: Demo, key: str, folder: Path
) -> None:
    settings = {"VASYA_UPLOAD_DIR": str(folder)}
    said = {"chat": FRIEND, "text": "both", "files": ["notes.txt", "sub/more.txt"]}
    async with over_stdio(demo.api.url, key, ERA, settings) as client:
        sent = await client.call_tool("tg_send_media", said)
        assert sent.structured_content is not None, text_of(sent)
        first, second = sent.structured_content["albumIds"]
        read = [
            await client.call_tool("tg_get_media", {"chat": FRIEND, "message": each})
            for each in (first, second)
        ]
    assert "the agenda" in text_of(read[0])
    assert "and more" in text_of(read[1])
    assert "<telegram-" in text_of(read[0])


@pytest.mark.parametrize(
    "name",
    [
        ".hidden",
        "link.txt",
        "elsewhere/id_ed25519",
        "../id_ed25519",
        "sub/../../id_ed25519",
        "pipe",
        "sub",
        "no_such_file",
    ],
)
async def test_nothing_else_is(demo: Demo, key: str, folder: Path, name: str) -> None:
    settings = {"VASYA_UPLOAD_DIR": str(folder)}
    async with over_stdio(demo.api.url, key, ERA, settings) as client:
        asked = [
            {"chat": "me", "files": [each]} for each in (name, str(folder.parent / "id_ed25519"))
        ]
        refused = [await client.call_tool("tg_send_media", each) for each in asked]
    assert [json.loads(text_of(each))["code"] for each in refused] == ["file_refused"] * 2
    assert "everything" not in "".join(map(text_of, refused))


async def test_without_a_folder_no_tool_takes_files(demo: Demo, key: str) -> None:
    async with over_stdio(demo.api.url, key, ERA) as near, over_http(demo.api.url, key, ERA) as far:
        for client in (near, far):
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert "files" not in tools["tg_send_media"].input_schema["properties"]
            refused = await client.call_tool("tg_send_media", {"chat": "me", "files": ["x"]})
            assert json.loads(text_of(refused))["code"] == "arguments_invalid"


async def test_a_picture_comes_as_one_and_a_large_file_as_a_link_or_in_the_download_folder(
    demo: Demo, key: str, folder: Path, tmp_path: Path
) -> None:
    (folder / "dot.png").write_bytes(PIXEL)
    (folder / "large.bin").write_bytes(os.urandom(3 << 20))
    saved = tmp_path / "saved"
    saved.mkdir()
    settings = {"VASYA_UPLOAD_DIR": str(folder)}
    async with over_stdio(demo.api.url, key, ERA, settings) as client:
        ids = []
        for name in ("dot.png", "large.bin"):
            sent = await client.call_tool("tg_send_media", {"chat": "me", "files": [name]})
            assert sent.structured_content is not None, text_of(sent)
            ids.append(sent.structured_content["id"])
        shown, linked = [
            await client.call_tool("tg_get_media", {"chat": "me", "message": each}) for each in ids
        ]
    async with over_stdio(demo.api.url, key, ERA, {"VASYA_DOWNLOAD_DIR": str(saved)}) as client:
        kept = await client.call_tool("tg_get_media", {"chat": "me", "message": ids[1]})

    assert shown.content[0].type == "image"
    assert json.loads(text_of(linked))["url"].startswith(f"{demo.api.url}/api/v1/files/vt_")
    told = json.loads(text_of(kept))
    (file,) = saved.iterdir()
    assert told == {"path": str(file), "sizeBytes": 3 << 20}
    assert file.read_bytes() == (folder / "large.bin").read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
