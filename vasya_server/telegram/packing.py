"""How requests are written: as Telethon does, but that the parts of files are not compressed.

Telethon compresses whatever is larger than half a kilobyte. A part of a photo or a video gets no smaller by it, and each
would hold up everything else in this process for 20 ms.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from telethon.network.mtprotostate import MTProtoState

if TYPE_CHECKING:
    import io

# Only the parts of files are larger.
_MOST_PACKED_BYTES: Final = 64 * 1024


class State(MTProtoState):
    """The state of one connection's sender."""

    def write_data_as_message(
        self,
        buffer: io.BytesIO,
        data: bytes,
        content_related: bool,  # noqa: FBT001 — Telethon's signature
        *,
        after_id: int | None = None,
    ) -> int:
        """Write *data* as a message and return its id."""
        if len(data) <= _MOST_PACKED_BYTES or after_id is not None:
            packed: int = super().write_data_as_message(
                buffer, data, content_related, after_id=after_id
            )
            return packed
        msg_id: int = self._get_new_msg_id()
        seq_no: int = self._get_seq_no(content_related)
        buffer.write(struct.pack("<qii", msg_id, seq_no, len(data)))
        buffer.write(data)
        return msg_id
