"""Folders of Alice's: one with Bob in it, and what is made beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.api.changes import CHANGE, Change
from vasya_sandbox.chat_lists import Folder

if TYPE_CHECKING:
    from tests.api.conftest import Scene


def changes(scene: Scene) -> dict[str, Change]:
    """Return them; the folder that is deleted is the one that was changed."""
    if not any(folder.id == 7 for folder in scene.alice.folders):
        scene.alice.folders.append(Folder(7, "Support", [scene.bob.id]))
    new = {"title": "Friends", "chatIds": [scene.bob.id]}
    saving, both = ("messages.UpdateDialogFilter",), {"title": "Help", "position": 1}
    # fmt: off
    return {
        "create_folder": Change("POST", "folders", new, CHANGE, saving, None),
        "update_folder": Change("PATCH", "folders/7", both, CHANGE, (*saving, "messages.UpdateDialogFiltersOrder"), None),
        "delete_folder": Change("DELETE", "folders/7", None, CHANGE, saving, None),
    }
    # fmt: on
