"""People: contacts and the block list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.api.changes import CHANGE, Change

if TYPE_CHECKING:
    from tests.api.conftest import Scene


def changes(scene: Scene) -> dict[str, Change]:
    """Return them, tried on Bob."""
    bob = scene.bob.id
    added = {"user": bob, "firstName": "Bobby"}
    # fmt: off
    return {
        "add_contact": Change("POST", "contacts", added, CHANGE, ("contacts.AddContact",), title=None),
        "delete_contact": Change("DELETE", f"contacts/{bob}", None, CHANGE, ("contacts.DeleteContacts",), title=None),
        "block_user": Change("PUT", f"blocked/{bob}", None, CHANGE, ("contacts.Block",), title=None),
        "unblock_user": Change("DELETE", f"blocked/{bob}", None, CHANGE, ("contacts.Unblock",), title=None),
    }
    # fmt: on
