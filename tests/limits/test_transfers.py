"""Files on their way at once: so many of one key, so many of all."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from vasya_server.errors import TooManyTransfers
from vasya_server.ids import KeyId
from vasya_server.limits.transfers import Transfers
from vasya_server.settings import load

HUMAN = None


@pytest.fixture
def transfers() -> Transfers:
    return Transfers(load({"VASYA_UPLOADS_AT_ONCE": "4", "VASYA_UPLOADS_PER_KEY": "2"}))


def test_a_key_has_as_many_as_it_may_and_again_when_one_has_ended(transfers: Transfers) -> None:
    one, other = KeyId("ak1"), KeyId("ak2")
    with transfers.under_way(one):
        with transfers.under_way(one):
            with pytest.raises(TooManyTransfers), transfers.under_way(one):
                pass
            with transfers.under_way(other):
                pass
        with transfers.under_way(one):
            pass


def test_all_together_have_as_many_as_there_may_be(transfers: Transfers) -> None:
    with ExitStack() as open_ones:
        for who in (HUMAN, HUMAN, HUMAN, KeyId("ak1")):
            open_ones.enter_context(transfers.under_way(who))

        with pytest.raises(TooManyTransfers), transfers.under_way(HUMAN):
            pass
        with pytest.raises(TooManyTransfers), transfers.under_way(KeyId("ak2")):
            pass

    with transfers.under_way(HUMAN):
        pass
