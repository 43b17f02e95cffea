"""Polls as messages carry them."""

from __future__ import annotations

from typing import Any

from vasya_server.model.message import PollOption, PollState


def to_poll(media: Any) -> PollState:
    """Return what is asked, and how it stands, as far as Telegram tells the account.

    Source: https://core.telegram.org/constructor/pollResults
    """
    poll, results = media.poll, media.results
    counted = {each.option: each for each in results.results or ()}
    options = [
        PollOption(
            index=index,
            text=getattr(answer.text, "text", ""),
            voters=getattr(told := counted.get(getattr(answer, "option", b"")), "voters", None),
            is_chosen=bool(getattr(told, "chosen", None)),
            is_correct=bool(getattr(told, "correct", None)),
        )
        for index, answer in enumerate(poll.answers)
    ]
    return PollState(
        question=getattr(poll.question, "text", ""),
        options=options,
        total_voters=results.total_voters or 0,
        is_closed=bool(poll.closed),
        is_quiz=bool(poll.quiz),
        is_multiple=bool(poll.multiple_choice),
        is_anonymous=not poll.public_voters,
        closes_at=poll.close_date,
        explanation=results.solution or None,
    )
