"""Waiting for what a data centre sees."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vasya_sandbox.dc import DataCentre


async def until_asked(dc: DataCentre, method: str) -> None:
    """Wait until the data centre has been asked this, whatever it is going to answer."""
    async with asyncio.timeout(10):
        while not dc.requests[method]:
            await asyncio.sleep(0.01)
