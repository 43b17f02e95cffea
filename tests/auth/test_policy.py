from __future__ import annotations

import vasya_server.app  # noqa: F401 — importing the application declares every operation
from vasya_server.api.routes import OPERATIONS, Kind
from vasya_server.auth.policy import ASKABLE, NO_POLICY, ApprovalRule, Policy
from vasya_server.auth.scopes import Scope
from vasya_server.operations import always


def test_a_rule_can_be_given_for_every_change_at_telegram_that_does_not_reduce_risk() -> None:
    changes = {
        operation.access
        for operation in OPERATIONS
        if operation.kind is Kind.TELEGRAM
        and operation.mutation
        and operation.mutation.reduces_risk is not always
    }

    assert changes <= ASKABLE
    assert not {scope for scope in ASKABLE if scope.endswith(":read")}


def test_nobody_is_asked_where_no_rule_says_so() -> None:
    policy = Policy(approval={Scope.MESSAGES_SEND.value: ApprovalRule.ALWAYS})

    assert policy.rule_for("messages:send") is ApprovalRule.ALWAYS
    assert policy.rule_for("messages:delete") is ApprovalRule.NEVER
    assert NO_POLICY.rule_for("messages:send") is ApprovalRule.NEVER
