"""How the account shows itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.api.changes import CHANGE, Change

if TYPE_CHECKING:
    from tests.api.conftest import Scene


def changes(_scene: Scene) -> dict[str, Change]:
    """Return them."""
    other = {"firstName": "Alix", "username": "alix_a"}
    changing = ("account.UpdateProfile", "account.UpdateUsername")
    # fmt: off
    return {
        "update_profile": Change("PATCH", "profile", other, CHANGE, changing, title=None),
        "set_presence": Change("PUT", "presence", {"isOnline": False}, CHANGE, ("account.UpdateStatus",), title=None),
    }
    # fmt: on
