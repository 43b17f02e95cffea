from __future__ import annotations

import pytest

from vasya_server.crypto.master_key import MasterKey


@pytest.fixture
def key() -> MasterKey:
    return MasterKey(bytes(range(32)))
