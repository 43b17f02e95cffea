"""What must hold before a change goes out, one condition after the other; a dry run looks at all of them and takes nothing.

The order is the contract's: gates, budget, takeover, pacing. Each condition is one object that knows both questions: would
this be refused, and may it go now.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol

from vasya_server.errors import SendingDisabled
from vasya_server.operations.approvals import APPROVAL
from vasya_server.operations.gates import require_open_gates
from vasya_server.operations.takeover import OwnerAway
from vasya_server.telegram.view import AccountView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.auth.principal import Principal
    from vasya_server.errors import VasyaError
    from vasya_server.gateway import Gateway
    from vasya_server.operations.mutation import Intent
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.peers import ResolvedPeer


class Moment(Enum):
    """When a change meets its conditions.

    What a budget counts is taken `NOW`, or when it is `ASKED` for and waits for a human; it is kept with the action and
    not taken again where that was `APPROVED`. What is about the moment of sending (pacing, takeover, a flood) counts
    `NOW` and when it is `APPROVED`.
    """

    NOW = "now"
    ASKED = "asked"
    APPROVED = "approved"


class Attempt:
    """A change that somebody wants made at Telegram, as the conditions see it.

    Args:
        peer: The chat that is changed; None where it is none.
    """

    def __init__(self, gateway: Gateway, intent: Intent, peer: ResolvedPeer | None) -> None:
        self.gateway = gateway
        self.intent = intent
        self.peer = peer
        self.moment = Moment.NOW

    @property
    def is_only_asked(self) -> bool:
        """Tell whether nothing is sent yet: it is going to wait for a human."""
        return self.moment is Moment.ASKED

    @property
    def account(self) -> AccountRuntime:
        """Return the account that it is made on."""
        if self.intent.account is None:
            raise LookupError(self.intent.action_id)
        return self.intent.account

    @property
    def who(self) -> Principal:
        """Return who wants it."""
        return self.intent.principal

    @property
    def view(self) -> AccountView:
        """Return the account as the one who asks sees it."""
        return AccountView(self.account, self.who)

    @property
    def messages(self) -> int:
        """Return how many messages it makes."""
        return self.intent.parts


class Taken(Protocol):
    """Something that an attempt has used up.

    Of an action that waits for a human it is kept in memory until that ends; after a restart its owner finds out by the
    action's id how that stands, for the claim is stored when the 202 is answered.
    """

    def give_back(self) -> None:
        """Have it again, because nothing was sent."""


class Look(Protocol):
    """Something that may stand in the way of a change."""

    async def look(self, attempt: Attempt) -> VasyaError | None:
        """Return why the change would be refused now, and use nothing up; None: it would not."""


class Condition(Look, Protocol):
    """Something that must hold before a change goes out."""

    async def enter(self, attempt: Attempt) -> Taken | None:
        """Let the change go, and return what it has used up.

        Raises:
            VasyaError: It may not go.
        """


class Gates:
    """The server's, the owner's and the account's gate."""

    async def look(self, attempt: Attempt) -> VasyaError | None:
        """Return which gate is closed."""
        try:
            await require_open_gates(attempt.gateway, attempt.account)
        except SendingDisabled as error:
            return error
        return None

    async def enter(self, attempt: Attempt) -> None:
        """Pass the gates; nothing is used up.

        Raises:
            SendingDisabled: One is closed.
        """
        await require_open_gates(attempt.gateway, attempt.account)


GATES: Final = Gates()
# Behind the gates and the question whether a human is asked first.
CONDITIONS: Final[Sequence[Condition]] = (OwnerAway(),)


async def reasons(attempt: Attempt) -> list[VasyaError]:
    """Return everything that would stop the change now."""
    looked: Sequence[Look] = (GATES, APPROVAL, *CONDITIONS)
    found = [await each.look(attempt) for each in looked]
    return [error for error in found if error is not None]


async def enter(attempt: Attempt) -> list[Taken]:
    """Let the change go behind its gates, and return what it has used up.

    Raises:
        VasyaError: It may not go; nothing is used up.
    """
    taken: list[Taken] = []
    try:
        for condition in CONDITIONS:
            if (each := await condition.enter(attempt)) is not None:
                taken.append(each)  # noqa: PERF401 — what came before a refusal is given back
    except BaseException:
        give_back(taken)
        raise
    return taken


def give_back(taken: Sequence[Taken]) -> None:
    """Have back what was used up, the last first."""
    for each in reversed(taken):
        each.give_back()
