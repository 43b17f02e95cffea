"""The export of an account, which is allowed more requests than others.

Source: https://core.telegram.org/api/takeout
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox.errors import RpcError
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.session import Session


@rpc(f.account.InitTakeoutSessionRequest)
def init_takeout_session(session: Session, request: Any) -> Any:
    """Serve account.initTakeoutSession: at once; the fault plan adds TAKEOUT_INIT_DELAY_x.

    Source: https://core.telegram.org/method/account.initTakeoutSession
    """
    session.auth.takeout_id = secrets.randbits(62) | 1
    return t.account.Takeout(session.auth.takeout_id)


@rpc(f.account.FinishTakeoutSessionRequest)
def finish_takeout_session(session: Session, request: Any) -> Any:
    """Serve account.finishTakeoutSession.

    Source: https://core.telegram.org/method/account.finishTakeoutSession
    """
    if session.auth.takeout_id is None:
        raise RpcError(403, "TAKEOUT_REQUIRED")
    session.auth.takeout_id = None
    return True
