"""What every code means over HTTP: the only statuses of errors in the project, and what helps."""

from __future__ import annotations

from typing import Final

from vasya_server.api.problems_failing import FAILURES, INTERNAL, Row

__all__ = ["INTERNAL", "PROBLEMS", "Row"]

_FIX = "Change the request as the errors say; repeating it unchanged gives the same answer."
_LOGIN = "A human has to log the account in again: vasya-server login, or POST /api/v1/telegram/login/code."
_WAIT = "Wait for retryAfterSecs, then repeat the request with the same Idempotency-Key."

PROBLEMS: Final[dict[str, Row]] = {
    "malformed_request": Row(400, "Malformed request", "Send a well-formed HTTP request."),
    "malformed_json": Row(400, "Malformed JSON", "Send one valid JSON object as the body."),
    "encoding_invalid": Row(400, "Invalid encoding", "Send UTF-8, without NUL characters."),
    "idempotency_key_invalid": Row(
        400, "Invalid Idempotency-Key", "Send one Idempotency-Key header, for instance a UUID."
    ),
    "missing_token": Row(401, "Missing token", "Send the header Authorization: Bearer <token>."),
    "invalid_token": Row(
        401, "Invalid token", "Use a token that this server issued and that is still valid."
    ),
    "key_revoked": Row(401, "Key revoked", "Ask the human who owns the key for another one."),
    "key_expired": Row(401, "Key expired", "Ask the human who owns the key for another one."),
    "token_expired": Row(
        401, "Token expired", "Get a new token from whoever issued this one, and send that."
    ),
    "access_denied": Row(
        403, "Access denied", "List what the credential reaches with GET /api/v1/whoami."
    ),
    "scope_required": Row(
        403,
        "Scope required",
        "Ask the human who owns the key to add the scope named in requiredScope.",
    ),
    "scope_disabled": Row(
        403,
        "Scope switched off",
        "Ask the human who owns the key to switch it on: PATCH /api/v1/settings with disabledScopes that leave it out.",
    ),
    "human_required": Row(403, "Human required", "Ask the human who owns the key to do this."),
    "agent_key_required": Row(
        403,
        "Agent key required",
        "A human ends a key by its id, DELETE /api/v1/agent-keys/{key}, and gives an MCP client a key of its own: "
        "vasya-server keys create.",
    ),
    "origin_not_allowed": Row(
        403,
        "Origin not allowed",
        "Name the origin in VASYA_ALLOWED_ORIGINS, or call from outside a browser.",
    ),
    "sending_disabled": Row(
        403, "Sending disabled", "Ask the human who runs the server to open the gate."
    ),
    "approval_required": Row(
        403,
        "Approval required",
        "Send it without dryRun: it answers 202 and waits for the human who owns the key.",
    ),
    "service_chat": Row(
        403, "Service chat", "Ask a human to look at Telegram's notifications in a Telegram app."
    ),
    "control_line": Row(
        403,
        "Control line",
        "Leave messages that begin with `vasya` in Saved Messages to the owner; write something else.",
    ),
    "undo_window": Row(
        403,
        "Undo window",
        "Let it be sent at its time, or ask the human who owns the key to send it: POST …/scheduled/{message}/send.",
    ),
    "chat_write_forbidden": Row(
        403, "Writing forbidden", "Choose another chat, or ask its administrators for the right."
    ),
    "chat_protected": Row(403, "Chat protected", "Refer to the message in your own words instead."),
    "admin_required": Row(
        403, "Administrator required", "Ask an administrator of the chat to do it."
    ),
    "account_frozen": Row(
        403,
        "Account frozen",
        "The account's owner has to appeal in a Telegram app; reading still works.",
    ),
    "chat_not_allowed": Row(
        403,
        "Chat not allowed",
        "GET …/chats lists the chats within reach; the human who owns the key can add others.",
    ),
    "content_not_allowed": Row(
        403,
        "Content not allowed",
        'Leave include out, or ask a human to allow it: PATCH /api/v1/settings {"canWebhooksCarryContent": true}.',
    ),
    "not_found": Row(404, "Not found", "GET /api/v1/openapi.json lists every path."),
    "chat_not_found": Row(
        404,
        "Chat not found",
        "Use the id of one of the candidates, or GET …/resolve?q= with another name.",
    ),
    "message_not_found": Row(
        404, "Message not found", "List the chat's messages; the message may have been deleted."
    ),
    "member_not_found": Row(404, "Member not found", "GET …/members lists who is in the chat."),
    "join_request_not_found": Row(404, "Join request not found", "GET …/join-requests lists them."),
    "invite_not_found": Row(404, "Invite not found", "GET …/invites lists the chat's links."),
    "media_not_found": Row(
        404,
        "Media not found",
        "GET the message: only media with a type of photo, video, audio, voice, document and the like are files.",
    ),
    "link_not_found": Row(
        404,
        "Link not found",
        "Ask whoever gave you the link for another: POST …/messages/{message}/media/link makes one.",
    ),
    "upload_not_found": Row(
        404, "Upload not found", "POST the file to …/uploads again and use the new uploadId."
    ),
    "folder_not_found": Row(
        404, "Folder not found", "GET …/folders lists the folders that are there."
    ),
    "device_not_found": Row(
        404, "Device not found", "List the devices with GET …/devices; this one may have ended."
    ),
    "topic_not_found": Row(
        404, "Topic not found", "GET …/chats/{chat}/topics lists the topics that are there."
    ),
    "login_not_found": Row(
        404, "Login not found", "Begin again with POST /api/v1/telegram/login/code."
    ),
    "method_not_allowed": Row(
        405, "Method not allowed", "Use one of the methods in the Allow header."
    ),
    "not_acceptable": Row(406, "Not acceptable", "Accept application/json."),
    "request_timeout": Row(
        408, "Request timeout", "Send the whole body without pauses.", is_retryable=True
    ),
    "account_ambiguous": Row(
        409,
        "Account ambiguous",
        "Name one of the listed accounts by its accountId or alias instead of me.",
    ),
    "account_exists": Row(
        409,
        "Account exists",
        "Use the existing account; disconnect it first to replace its session.",
    ),
    "own_device": Row(
        409,
        "This server's own session",
        "DELETE /api/v1/accounts/{account} logs this server out and erases the account here.",
    ),
    "session_too_new": Row(
        409,
        "Session too new",
        "End the device in a Telegram app that was logged in before, in Settings, Devices; or repeat this a day after the login.",
    ),
    "chat_has_no_topics": Row(
        409,
        "Chat has no topics",
        "Leave the topic out, or choose a chat whose isForum is true: GET …/chats/{chat}.",
    ),
    "transcript_unavailable": Row(
        409,
        "No transcript",
        "Listen to it with GET …/media; a human may set a provider that transcribes: PUT /api/v1/providers/deepgram.",
    ),
    "too_many_uploads": Row(
        409,
        "Too many uploads",
        "Send what is uploaded already; uploads expire by themselves after a day.",
    ),
    "too_many_keys": Row(
        409, "Too many keys", "Revoke agent keys that are not needed: GET /api/v1/agent-keys."
    ),
    "action_state": Row(
        409,
        "Action decided",
        "GET /api/v1/actions/{actionId} tells how it stands; what is still wanted needs a new Idempotency-Key.",
    ),
    "undo_expired": Row(
        409,
        "Undo expired",
        "It was sent: GET /api/v1/actions/{actionId} tells where; delete that message where it may be deleted.",
    ),
    "too_many_scheduled": Row(
        409,
        "Too many scheduled messages",
        "Wait until some are sent, or delete some: GET …/chats/{chat}/scheduled lists them.",
    ),
    "poll_closed": Row(
        409, "Poll closed", "Read how it ended: GET the message shows its media.poll."
    ),
    "already_voted": Row(
        409, "Already voted", "Leave the vote as it is: media.poll shows what was chosen."
    ),
    "owner_active": Row(
        409,
        "Owner active",
        "Leave the chat to the owner and read on; if it is still wanted, repeat it after retryAfterSecs.",
        is_retryable=True,
    ),
    "owner_must_transfer_or_delete": Row(
        409,
        "Owner cannot leave",
        "Make somebody else the owner in a Telegram app, or delete the chat: DELETE …/chats/{chat}?forEveryone=true.",
    ),
    "join_request_sent": Row(
        409,
        "Join request sent",
        "Wait for an administrator of the chat; the same request answers 200 once one has agreed.",
        is_retryable=True,
    ),
    "action_stale": Row(
        409,
        "Action changed",
        "Look at it again: GET /api/v1/actions/{actionId}, and decide by the digest and preview that are there.",
    ),
    "too_many_actions": Row(
        409,
        "Too many waiting actions",
        "Wait until a human has decided about some of them, or cancel some: GET /api/v1/actions?status=awaiting_approval.",
    ),
    "too_many_webhooks": Row(
        409, "Too many webhooks", "Delete webhooks that are not needed: GET /api/v1/webhooks."
    ),
    "key_ended": Row(409, "Key ended", "Create another key with POST /api/v1/agent-keys."),
    "telegram_withholds": Row(
        409,
        "Telegram does not tell",
        "Do without it; nobody but Telegram's own rules decides who may know.",
    ),
    "account_reauth_required": Row(409, "Login required", _LOGIN),
    "session_unreadable": Row(
        409,
        "Session unreadable",
        "Restore the master key or the backup of this account, or log it in again.",
    ),
    "outcome_unknown": Row(
        409,
        "Outcome unknown",
        "Repeat the request with the same Idempotency-Key: it is never done twice.",
        is_retryable=True,
    ),
    "idempotency_in_progress": Row(
        409,
        "Request in progress",
        "Repeat the request with the same Idempotency-Key, or GET /api/v1/actions/{actionId}?wait=30.",
        is_retryable=True,
    ),
    "idempotency_key_stale": Row(
        409,
        "Idempotency-Key stale",
        "messageId names what the first request made; use a new Idempotency-Key for a new intent.",
    ),
    "cursor_expired": Row(
        410,
        "Cursor expired",
        "Read what you need anew, then go on from the cursor in oldestCursor, or from latest.",
    ),
    "event_gone": Row(
        410,
        "Event gone",
        "Read what you need anew: the messages themselves are still in their chat.",
    ),
    "body_too_large": Row(413, "Body too large", "Send a smaller body."),
    "uri_too_long": Row(414, "URI too long", "Shorten the query."),
    "unsupported_media_type": Row(
        415,
        "Unsupported media type",
        "Send Content-Type: application/json and no Content-Encoding.",
    ),
    "range_not_satisfiable": Row(
        416,
        "Range not satisfiable",
        "Content-Range says how many bytes the file has; ask for a range within them, or for the whole.",
    ),
    "host_not_allowed": Row(
        421,
        "Host not allowed",
        "Call the address that the server printed, or name the host in VASYA_ALLOWED_HOSTS.",
    ),
    "idempotency_key_reused": Row(
        422,
        "Idempotency-Key reused",
        "Use a new Idempotency-Key for every new intent, and the old one for its repetitions alone.",
    ),
    "validation_failed": Row(422, "Validation failed", _FIX),
    "folder_unsuitable": Row(
        422,
        "Folder unsuitable",
        "Name a folder of the account that is not shared and has chats chosen by hand instead of rules.",
    ),
    "unknown_scope": Row(
        422, "Unknown scope", "GET /api/v1/agent-keys/scopes lists every scope and preset."
    ),
    "empty_allowlist": Row(
        422,
        "Empty allowlist",
        "Name what the key may reach, or leave the list out for everything.",
    ),
    "phone_invalid": Row(
        422, "Phone invalid", "Send the number in international form, like +4915112345678."
    ),
    "code_invalid": Row(
        422,
        "Code invalid",
        "Ask the human for the code again; POST /api/v1/telegram/login/resend sends another.",
    ),
    "code_expired": Row(
        422,
        "Code expired",
        "POST /api/v1/telegram/login/resend, or begin again with /telegram/login/code.",
    ),
    "password_invalid": Row(
        422, "Password invalid", "Ask the human for the two-step verification password again."
    ),
    "session_invalid": Row(
        422,
        "Session invalid",
        "Export the session string anew with the client that made it, or log in by code.",
    ),
    "signup_required": Row(
        422, "Sign-up required", "Create the Telegram account in an official app first."
    ),
    "telegram_credentials_missing": Row(
        422,
        "Telegram credentials missing",
        "Get an api id and hash at https://my.telegram.org and set TELEGRAM_API_ID and TELEGRAM_API_HASH, or PUT "
        "/api/v1/telegram/credentials.",
    ),
    "url_not_allowed": Row(422, "URL not allowed", "Name a URL as the detail asks for."),
    "rate_limited": Row(
        429,
        "Rate limited",
        "Wait for retryAfterSecs; only the operator of the server can raise the limits.",
        is_retryable=True,
    ),
    "budget_exhausted": Row(
        429,
        "Budget exhausted",
        "Wait for retryAfterSecs, or ask the human who owns the key to raise its budgets.",
        is_retryable=True,
    ),
    "auth_rate_limited": Row(
        429,
        "Too many wrong credentials",
        "Use a credential that is right: it is let in at once. Wait for retryAfterSecs before another guess.",
    ),
    "too_many_downloads": Row(
        429,
        "Too many downloads",
        "Let one end, then repeat; the operator sets the number with VASYA_DOWNLOADS_PER_KEY.",
        is_retryable=True,
    ),
    "too_many_streams": Row(429, "Too many streams", "Close one, then repeat.", is_retryable=True),
    "too_many_transfers": Row(
        429,
        "Too many files at once",
        "Send one file after the other; this one when another has arrived.",
        is_retryable=True,
    ),
    "telegram_flood_wait": Row(429, "Telegram flood wait", _WAIT, is_retryable=True),
    "telegram_slowmode": Row(429, "Slow mode", _WAIT, is_retryable=True),
    "account_spam_limited": Row(
        429,
        "Account limited",
        "Write only to people who wrote first until Telegram lifts the limit (see @SpamBot).",
    ),
    "headers_too_large": Row(431, "Headers too large", "Send fewer and shorter headers."),
    **FAILURES,
}
