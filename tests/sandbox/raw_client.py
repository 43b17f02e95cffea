"""A hand-written client, for what Telethon never sends or always hides."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from telethon.extensions import BinaryReader
from telethon.network.mtprotostate import MTProtoState
from telethon.tl import functions, types
from telethon.tl.alltlobjects import LAYER
from telethon.tl.core import GzipPacked, MessageContainer, RpcResult

if TYPE_CHECKING:
    from telethon.crypto import AuthKey

WAIT_SECS = 5
CONTENT_OF_NO_ONE = (types.MsgsAck, types.MsgsStateReq, types.MsgResendReq)


class RawClient:
    """One connection in the intermediate transport; acknowledges nothing by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.state: Any = None
        self.inbox: list[Any] = []

    @classmethod
    async def open(cls, address: tuple[str, int], tag: bytes = b"\xee" * 4) -> RawClient:
        client = cls(*await asyncio.open_connection(*address, limit=32 << 20))
        client.writer.write(tag)
        return client

    def use(self, key: AuthKey, salt: int, session_id: int | None = None) -> None:
        self.state = MTProtoState(key, defaultdict(lambda: logging.getLogger("raw")))
        self.state.salt = salt
        if session_id is not None:
            self.state.id = session_id

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            return

    async def is_dropped(self) -> bool:
        """Read to the end of the connection, for at most five seconds."""
        try:
            async with asyncio.timeout(WAIT_SECS):
                while await self.reader.read(1 << 20):
                    pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True

    # Packets

    def send_packet(self, packet: bytes) -> None:
        self.writer.write(struct.pack("<i", len(packet)) + packet)

    async def receive_packet(self) -> bytes:
        async with asyncio.timeout(WAIT_SECS):
            (size,) = struct.unpack("<i", await self.reader.readexactly(4))
            return await self.reader.readexactly(size)

    async def exchange_plain(self, request: Any) -> Any:
        body = bytes(request)
        self.send_packet(struct.pack("<qqi", 0, 0, len(body)) + body)
        return BinaryReader((await self.receive_packet())[20:]).tgread_object()

    # Messages

    def message(self, body: bytes, *, msg_id: int | None = None, is_content: bool = True) -> bytes:
        msg_id = msg_id or self.state._get_new_msg_id()
        return struct.pack("<qii", msg_id, self.state._get_seq_no(is_content), len(body)) + body

    def send_message(self, message: bytes) -> int:
        self.send_packet(self.state.encrypt_message_data(message))
        msg_id: int = struct.unpack_from("<q", message)[0]
        return msg_id

    def send(self, request: Any, *, msg_id: int | None = None) -> int:
        body = request if isinstance(request, bytes) else bytes(request)
        is_content = not isinstance(request, CONTENT_OF_NO_ONE)
        return self.send_message(self.message(body, msg_id=msg_id, is_content=is_content))

    def send_container(self, *messages: bytes) -> int:
        body = struct.pack("<Ii", MessageContainer.CONSTRUCTOR_ID, len(messages))
        return self.send_message(self.message(body + b"".join(messages), is_content=False))

    async def receive(self, wanted: type | tuple[type, ...]) -> Any:
        """Return the next message whose object is *wanted*; the others stay in the inbox."""
        async with asyncio.timeout(WAIT_SECS):
            while True:
                for message in self.inbox:
                    if isinstance(message.obj, wanted):
                        self.inbox.remove(message)
                        return message
                await self._receive_some()

    async def result(self, msg_id: int) -> Any:
        """Return the rpc_result of a request."""
        async with asyncio.timeout(WAIT_SECS):
            while True:
                for message in self.inbox:
                    if isinstance(message.obj, RpcResult) and message.obj.req_msg_id == msg_id:
                        self.inbox.remove(message)
                        return message.obj
                await self._receive_some()

    async def call(self, request: Any) -> Any:
        """Return the parsed result of a request, or the rpc_error it met."""
        result = await self.result(self.send(request))
        return result.error or BinaryReader(result.body).tgread_object()

    async def begin(self) -> None:
        """Introduce the client, as the first call of a key has to."""
        await self.call(in_layer(functions.help.GetNearestDcRequest()))

    async def _receive_some(self) -> None:
        message = self.state.decrypt_message_data(await self.receive_packet())
        self.inbox += getattr(message.obj, "messages", None) or [message]


def in_layer(request: Any, layer: int = LAYER) -> Any:
    introduced = functions.InitConnectionRequest(1, "d", "s", "a", "en", "", "en", request)
    return functions.InvokeWithLayerRequest(layer, introduced)


def gzipped(request: Any) -> bytes:
    return bytes(GzipPacked(bytes(request)))
