"""Every scope there is; each route declares exactly one, and no scope implies another (D-5.4)."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Scope(StrEnum):
    """What a credential may open.

    A destructive scope is named one by one when it is given: no preset, default or migration ever adds it.
    """

    description: str
    is_destructive: bool

    def __new__(cls, value: str, description: str, is_destructive: bool = False) -> Self:  # noqa: FBT001, FBT002 — read as columns of the table below
        """Make a member of one row: value, description, and whether it is destructive."""
        scope = str.__new__(cls, value)
        scope._value_ = value
        scope.description = description
        scope.is_destructive = is_destructive
        return scope

    ACCOUNTS_READ = "accounts:read", "See accounts, the own profile, avatar and limits."
    ACCOUNTS_WRITE = "accounts:write", "Connect and disconnect; change profile and presence."
    ACCOUNTS_DELETE = "accounts:delete", "Log an account out and erase it.", True
    TELEGRAM_LOGIN = "telegram:login", "Log accounts in."
    CHATS_READ = (
        "chats:read",
        "See chat lists and details, members, topics and photos; resolve references.",
    )
    CHATS_WRITE = (
        "chats:write",
        "Create, update, join, leave, mute, archive and pin chats; invite; manage topics.",
    )
    CHATS_MODERATE = (
        "chats:moderate",
        "Promote, restrict and ban members; set permissions; decide on join requests.",
        True,
    )
    CHATS_DELETE = "chats:delete", "Delete a chat or a topic; clear history.", True
    MESSAGES_READ = (
        "messages:read",
        "Read the inbox, history, search, media, drafts and scheduled messages.",
    )
    MESSAGES_REACT = "messages:react", "React, vote, mark as read, show typing."
    MESSAGES_DRAFT = "messages:draft", "Write drafts only: the safe way to write."
    MESSAGES_SEND = "messages:send", "Send, edit, pin and schedule messages; press buttons."
    MESSAGES_FORWARD = "messages:forward", "Forward or copy messages to another chat.", True
    MESSAGES_DELETE = "messages:delete", "Delete messages.", True
    CONTACTS_READ = "contacts:read", "See contacts, users and the block list."
    CONTACTS_WRITE = "contacts:write", "Add, remove and block contacts."
    FOLDERS_READ = "folders:read", "See Telegram chat folders."
    FOLDERS_WRITE = "folders:write", "Change Telegram chat folders."
    EVENTS_READ = "events:read", "Follow events by stream and long poll."
    WEBHOOKS_WRITE = "webhooks:write", "Set outgoing webhooks: data leaves the host.", True
    STT_USE = "stt:use", "Get transcripts of voice and video notes."


class Preset(StrEnum):
    """A set of scopes under a name: what a key is given is the scopes, as they are when it is made.

    None of them holds a destructive scope (D-5.4).
    """

    scopes: frozenset[Scope]

    def __new__(cls, value: str, *scopes: Scope) -> Self:
        """Make a member of one row: value and scopes."""
        preset = str.__new__(cls, value)
        preset._value_ = value
        preset.scopes = frozenset(scopes)
        return preset

    CHAT_READER = "chat_reader", Scope.CHATS_READ, Scope.MESSAGES_READ, Scope.EVENTS_READ
    READER = "reader", *(scope for scope in Scope if scope.endswith(":read"))
    DRAFTER = "drafter", *CHAT_READER[1:], Scope.MESSAGES_DRAFT
    ASSISTANT = "assistant", *DRAFTER[1:], Scope.MESSAGES_REACT, Scope.MESSAGES_SEND
