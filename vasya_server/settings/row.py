"""What a setting is: one row of the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

    Args:
        field: The attribute of `Settings` it fills.
        default: What it is when unset, in the form the environment would have.
        unit: `seconds`, `bytes`, … where it is a quantity.
        is_secret: Never printed, and taken out of the environment.
    """

    name: str
    field: str
    parse: Callable[[str], object]
    default: str | None
    sentence: str
    unit: str = ""
    is_secret: bool = False
