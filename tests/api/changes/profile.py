"""How the account shows itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.api.changes import CHANGE, Change
from vasya_sandbox import images
from vasya_sandbox.records import Size

if TYPE_CHECKING:
    from tests.api.conftest import Scene


def changes(scene: Scene) -> dict[str, Change]:
    """Return them; Alice shows a picture that can be taken away."""
    sizes = [Size("y", 160, 160, images.landscape(1, 20, 20))]
    scene.alice.photos.append(scene.world.add_file("photo", "image/jpeg", sizes=sizes).id)
    other = {"firstName": "Alix", "username": "alix_a"}
    changing = ("account.UpdateProfile", "account.UpdateUsername")
    # fmt: off
    return {
        "update_profile": Change("PATCH", "profile", other, CHANGE, changing, title=None),
        "delete_avatar": Change("DELETE", "avatar", None, CHANGE, ("photos.DeletePhotos",), title=None),
        "set_presence": Change("PUT", "presence", {"isOnline": False}, CHANGE, ("account.UpdateStatus",), title=None),
    }
    # fmt: on
