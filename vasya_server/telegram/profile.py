"""The Telegram user that an account is: as the vault keeps it, and as the API shows it."""

from __future__ import annotations

from typing import Any

from vasya_server.model.account import AccountUser
from vasya_server.sessions.vault import Profile
from vasya_server.telegram.cleaning import clean


def profile_of(user: Any) -> Profile:
    """Return what the vault keeps of a Telegram user."""
    username = user.username or next((n.username for n in user.usernames or () if n.active), None)
    return Profile(
        user_id=user.id,
        first_name=user.first_name,
        last_name=user.last_name,
        username=username,
        phone=user.phone,
        is_premium=bool(user.premium),
    )


def account_user(profile: Profile) -> AccountUser:
    """Return the Telegram user as the API shows it."""
    return clean(
        AccountUser(
            id=profile.user_id,
            first_name=profile.first_name,
            last_name=profile.last_name,
            username=profile.username,
            is_premium=profile.is_premium,
        )
    )
