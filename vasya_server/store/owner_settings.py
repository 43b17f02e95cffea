"""The rows of what owners have set: one for each time, the highest generation of an owner holds."""

from __future__ import annotations

from typing import Final

import msgspec

from vasya_server.store.database import Query


class SettingsRow(msgspec.Struct, frozen=True, kw_only=True):
    """An owner, and the newest settings; both are None where somebody has taken them away."""

    owner_id: str
    generation: int | None
    sealed: bytes | None


_NEWEST: Final = """
    SELECT owners.owner_id, settings.generation, settings.sealed
    FROM owners LEFT JOIN owner_settings AS settings
        ON settings.owner_id = owners.owner_id AND settings.generation = (
            SELECT max(generation) FROM owner_settings WHERE owner_id = owners.owner_id
        )
"""
ALL_SETTINGS: Final = Query(_NEWEST)
SETTINGS_OF_OWNER: Final = Query(_NEWEST + "WHERE owners.owner_id = :owner_id")
# An owner whom a parallel call has made already under another id has settings of its own.
ADD_SETTINGS: Final = Query("""
    INSERT INTO owner_settings (owner_id, generation, sealed)
    SELECT :owner_id, :generation, :sealed
    WHERE EXISTS (SELECT 1 FROM owners WHERE owner_id = :owner_id)
    ON CONFLICT (owner_id, generation) DO NOTHING
""")
