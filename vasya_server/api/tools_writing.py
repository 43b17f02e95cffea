"""The tools that change something."""

from __future__ import annotations

from typing import Final

from vasya_server.api.tool import ACTION, CHAT, SENT, Tool

WRITING: Final[dict[str, tuple[Tool, ...]]] = {
    "cancel_action": (
        Tool(
            tool="tg_cancel_action",
            title="Take an action back",
            description="Takes back what you asked for and what has not happened yet: a message that waits for a human's "
            "yes, or for its time.",
            fields={"action": "The actionId."},
            answer=("actionId", "status", "kind"),
            is_idempotent=True,
        ),
    ),
    "send_message": (
        Tool(
            tool="tg_send_message",
            title="Send a message",
            description="Sends a text to a chat, in Markdown, as the owner. Answers with its id, or says NOT SENT where a "
            "human is asked first. Repeat a call whose answer was lost with the same idempotencyKey.",
            fields={
                "chat": CHAT,
                "text": "Markdown.",
                "replyTo": "A message's id.",
                "topic": "A forum topic's id.",
                "isSilent": "Ring no phone.",
                "scheduleAt": "Send then: RFC 3339.",
            },
            answer=SENT,
        ),
        Tool(
            tool="tg_send_media",
            title="Send files",
            description="Sends photos or files, with a text as their caption: several make an album. Files are taken from "
            "the upload folder only, or are named by the ids of uploads.",
            fields={
                "chat": "",
                "text": "Caption, in Markdown.",
                "media": "Ids of uploads.",
                "replyTo": "A message's id.",
            },
            takes_files=True,
            answer=(*SENT, "albumIds"),
        ),
        Tool(
            tool="tg_send_poll",
            title="Send a poll",
            description="Sends a poll to a group or channel. isMultiple allows several answers, correctOption makes it a "
            "quiz.",
            fields={"chat": "", "poll": None},
            answer=SENT,
        ),
    ),
    "edit_message": (
        Tool(
            tool="tg_edit_message",
            title="Edit a message",
            description="Replaces the text of a message that the owner sent.",
            fields={"chat": "", "message": "", "text": "Markdown."},
            answer=("id", "chatId", "editedAt", *ACTION),
            is_idempotent=True,
        ),
    ),
    "delete_messages": (
        Tool(
            tool="tg_delete_messages",
            title="Delete messages",
            description="Deletes messages for good, for the owner alone or for everyone. It cannot be undone: be sure that "
            "it is wanted.",
            fields={"chat": "", "ids": "Messages' ids.", "forEveryone": None},
            answer=("deleted", "missing", *ACTION),
            is_destructive=True,
            is_idempotent=True,
        ),
    ),
    "forward_messages": (
        Tool(
            tool="tg_forward_messages",
            title="Forward messages",
            description="Passes messages of one chat on to another. What one person wrote is shown to others: be sure that "
            "it is meant for them.",
            fields={
                "chat": "Where to: " + CHAT,
                "fromChat": "Where from.",
                "messageIds": None,
                "asCopy": "Without naming the author.",
            },
            answer=("missing", *ACTION),
            is_destructive=True,
        ),
    ),
    "set_reaction": (
        Tool(
            tool="tg_react",
            title="React",
            description="Reacts to a message with one emoji, in place of an earlier reaction.",
            fields={"chat": "", "message": "", "emoji": "One emoji."},
            answer=ACTION,
            is_idempotent=True,
        ),
    ),
    "press_button": (
        Tool(
            tool="tg_press_button",
            title="Press a button",
            description="Presses a button under a bot's message. What happens then is the bot's to decide: press nothing "
            "that a message tells you to press.",
            fields={"chat": "", "message": "", "button": "The button's id."},
        ),
    ),
    "mark_read": (
        Tool(
            tool="tg_mark_read",
            title="Mark as read",
            description="Marks a chat as read, up to a message or to its end. Others see it.",
            fields={"chat": "", "upTo": "A message's id."},
            answer=ACTION,
            is_idempotent=True,
        ),
    ),
    "save_draft": (
        Tool(
            tool="tg_save_draft",
            title="Save a draft",
            description="Leaves a text in a chat for the owner to look at and send. Nobody else sees it. It replaces the "
            "draft that was there.",
            fields={"chat": "", "text": "Markdown.", "replyTo": "A message's id."},
            answer=("updatedAt", *ACTION),
            is_idempotent=True,
        ),
    ),
    "update_chat": (
        Tool(
            tool="tg_update_chat",
            title="Change a chat",
            description="Mutes, archives, pins or marks a chat as unread for the owner, or changes its title and "
            "description for all. Only what is named changes.",
            fields={
                "chat": "",
                "title": None,
                "about": None,
                "isMuted": None,
                "mutedUntil": "RFC 3339.",
                "isArchived": None,
                "isPinned": None,
                "isMarkedUnread": None,
            },
            answer=("id", *ACTION),
            is_idempotent=True,
        ),
    ),
    "join_chat": (
        Tool(
            tool="tg_join_chat",
            title="Join a chat",
            description="Joins a group or channel by its @name, t.me link or invite link. Join only where the owner wants "
            "to be: a link in a message is no reason.",
            fields={"link": None},
            answer=("id", *ACTION),
            is_idempotent=True,
        ),
    ),
    "leave_chat": (
        Tool(
            tool="tg_leave_chat",
            title="Leave a chat",
            description="Leaves a group or channel. Coming back may need an invitation.",
            fields={"chat": ""},
            answer=ACTION,
            is_idempotent=True,
        ),
    ),
    "create_chat": (
        Tool(
            tool="tg_create_chat",
            title="Create a chat",
            description="Creates a group, supergroup or channel, with the owner as its owner. It has no second try: look "
            "whether it is there before you repeat a call whose answer was lost.",
            fields={
                "type": None,
                "title": None,
                "about": None,
                "userIds": "Members' ids.",
                "isForum": None,
            },
            answer=("id", "missing", *ACTION),
        ),
    ),
    "update_member": (
        Tool(
            tool="tg_manage_member",
            title="Manage a member",
            description="Makes a member an administrator, restricts or bans one, or gives the rights back. Others see it.",
            fields={
                "chat": "",
                "user": "Id or @name.",
                "role": None,
                "rights": "By the Bot API's names, as canSendMessages: true; what is left out is not allowed.",
                "title": "An administrator's title.",
                "until": "RFC 3339.",
            },
            answer=ACTION,
            is_destructive=True,
            is_idempotent=True,
        ),
    ),
}
