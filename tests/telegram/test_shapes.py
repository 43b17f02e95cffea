"""What a file is shown as follows from its frame, in whatever pieces it comes."""

from __future__ import annotations

import pytest

from tests.telegram.movies import ON_ITS_SIDE, VIDEO, box, mp4, mvhd, opus, tkhd
from vasya_server.sessions.uploads import Shape
from vasya_server.telegram.shapes import Outline


def seen(data: bytes, mime_type: str, piece_bytes: int = 100) -> Shape | None:
    outline = Outline()
    for start in range(0, len(data), piece_bytes):
        outline.pass_by(data[start : start + piece_bytes])
    return outline.shape(mime_type)


@pytest.mark.parametrize("piece_bytes", [1, 7, 100, 1_000_000])
def test_a_video_says_how_large_and_how_long_it_is(piece_bytes: int) -> None:
    assert seen(VIDEO, "video/mp4", piece_bytes) == Shape("video", 1280, 720, 12.5)


@pytest.mark.parametrize("piece_bytes", [1, 100, 1_000_000])
def test_a_voice_note_says_how_long_it_is(piece_bytes: int) -> None:
    assert seen(opus(3.5), "audio/ogg", piece_bytes) == Shape("voice", duration_secs=3.5)


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        (mp4(mvhd(2000), box(b"trak", tkhd(640, 480)), is_at_the_end=False), (640, 480, 2.0)),
        (mp4(mvhd(2000), box(b"trak", tkhd(640, 480)), is_large=True), (640, 480, 2.0)),
        (mp4(mvhd(90_000, 30_000, 1), box(b"trak", tkhd(640, 480))), (640, 480, 3.0)),
        (mp4(mvhd(2000), box(b"trak", tkhd(640, 480, ON_ITS_SIDE))), (480, 640, 2.0)),
    ],
    ids=["described first", "of gigabytes", "long numbers", "on its side"],
)
def test_videos_are_described_in_several_ways(data: bytes, shape: tuple[int, int, float]) -> None:
    assert seen(data, "video/mp4") == Shape("video", *shape)


@pytest.mark.parametrize(
    ("data", "mime_type"),
    [
        (b"", "video/mp4"),
        (b"words", "video/mp4"),
        (VIDEO, "application/octet-stream"),
        (VIDEO[: len(VIDEO) // 2], "video/mp4"),
        (mp4(mvhd(0), box(b"trak", tkhd(640, 480))), "video/mp4"),
        (mp4(mvhd(2000, 0), box(b"trak", tkhd(640, 480))), "video/mp4"),
        (mp4(mvhd(2000), box(b"trak", tkhd(0, 0))), "video/mp4"),
        (mp4(box(b"mvhd", b"\0"), box(b"trak", box(b"tkhd", b"\0"))), "video/mp4"),
        (mp4(box(b"mvhd"), box(b"trak", box(b"tkhd"))), "video/mp4"),
        (box(b"ftyp", b"isom") + b"\0\0\0\0mdat" + VIDEO, "video/mp4"),
        (box(b"ftyp", b"isom") + b"\0\0\0\x02mdat" + VIDEO, "video/mp4"),
        (opus(3.5, channels=2), "audio/ogg"),
        (opus(0), "audio/ogg"),
        (opus(3.5)[:60], "audio/ogg"),
        (opus(3.5), "audio/mpeg"),
        (b"OggS" + bytes(100), "audio/ogg"),
        (b"OggS", "audio/ogg"),
        (b"words", "image/gif"),
    ],
)
def test_what_does_not_say_it_is_a_file(data: bytes, mime_type: str) -> None:
    assert seen(data, mime_type) is None


def test_a_moving_picture_needs_no_description() -> None:
    assert seen(b"GIF89a" + bytes(100), "image/gif") == Shape("gif")
