"""When a change meets its conditions: a condition may be about asking for it, about sending it, or about both."""

from __future__ import annotations

from enum import Enum


class Moment(Enum):
    """When a change meets its conditions.

    What a budget counts is taken `NOW`, or when it is `ASKED` for and waits for a human; it is kept with the action and
    not taken again where that was `APPROVED`. What is about the moment of sending (pacing, takeover, a flood) counts
    `NOW` and when it is `APPROVED`.
    """

    NOW = "now"
    ASKED = "asked"
    APPROVED = "approved"
