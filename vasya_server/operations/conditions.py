"""What must hold before a change goes out, one condition after the other; a dry run looks at all of them and takes nothing.

The order is the contract's: gates, budget, takeover, pacing. Each condition is one object that knows both questions: would
this be refused, and may it go now.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from vasya_server.errors import AuditUnavailable, SendingDisabled, VasyaError
from vasya_server.operations.approvals import APPROVAL
from vasya_server.operations.budgeting import Budgeting
from vasya_server.operations.gates import require_open_gates
from vasya_server.operations.moment import Moment
from vasya_server.operations.pacing import Pacing
from vasya_server.operations.restrictions import Restrictions
from vasya_server.operations.takeover import OwnerAway
from vasya_server.telegram.view import AccountView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.auth.principal import Principal
    from vasya_server.gateway import Gateway
    from vasya_server.operations.mutation import Intent, Named
    from vasya_server.store.database import Statement
    from vasya_server.telegram.accounts import AccountRuntime


class Attempt:
    """A change that somebody wants made at Telegram, as the conditions see it.

    Args:
        named: Whom and what it is about.
        give_up_at: The end of its deadline, in the loop's time; None: it begins now.
    """

    def __init__(
        self,
        gateway: Gateway,
        intent: Intent,
        named: Named,
        give_up_at: float | None = None,
    ) -> None:
        self.gateway = gateway
        self.intent = intent
        self.named, self.peer = named, named.peer
        self.moment = Moment.NOW
        # Of an action that was approved, and not of the request that does it.
        self.action_id = intent.action_id
        if give_up_at is None:
            give_up_at = asyncio.get_running_loop().time() + gateway.settings.send_deadline_secs
        self._give_up_at = give_up_at

    @property
    def left_secs(self) -> float:
        """Return how much of its deadline is left."""
        return self._give_up_at - asyncio.get_running_loop().time()

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
    def speaks(self) -> bool:
        """Tell whether others see a new message because of it."""
        return self.messages > 0 or self.intent.mutation.waiting == "sent"

    @property
    def messages(self) -> int:
        """Return how many messages it makes."""
        return self.intent.parts


class Taken(Protocol):
    """Something that an attempt has used up.

    Of an action that waits for a human it is kept in memory until that ends; after a restart its owner finds out by the
    action's id how that stands, for the claim is stored when the 202 is answered.
    """

    def storing(self) -> Sequence[Statement]:
        """Return what stores that it is used up, in one unit with the claim."""

    def give_back(self) -> Sequence[Statement]:
        """Have it again, because nothing was sent; return what stores that."""


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
        """Return which gate is closed; none stands before what reduces risk."""
        if attempt.intent.reduces_risk:
            return None
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
# What Telegram itself would refuse comes first: it uses up nothing.
RESTRICTIONS: Final = Restrictions()
BUDGETING: Final = Budgeting()
PACING: Final = Pacing()
# Behind the gates and the question whether a human is asked first.
CONDITIONS: Final[Sequence[Condition]] = (RESTRICTIONS, BUDGETING, OwnerAway(), PACING)


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


def storing(taken: Sequence[Taken]) -> list[Statement]:
    """Return what stores that it is used up."""
    return [statement for each in taken for statement in each.storing()]


def give_back(taken: Sequence[Taken]) -> list[Statement]:
    """Have back what was used up, the last first; return what stores that."""
    return [statement for each in reversed(taken) for statement in each.give_back()]


class Stored:
    """Gives what stores that it is used up, and has it back where that is not stored."""

    def __init__(self, taken: Sequence[Taken]) -> None:
        self._taken = taken

    def __enter__(self) -> list[Statement]:
        return storing(self._taken)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        is_stored = isinstance(error, AuditUnavailable) and error.is_stored
        if isinstance(error, VasyaError) and not is_stored:
            give_back(self._taken)
