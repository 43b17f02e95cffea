"""`vasya-server openapi`: the document that the server itself answers with, and the pages made from its tables."""

from __future__ import annotations

from vasya_server.cli.standard_files import answer


def run(page: str) -> int:
    """Print the *page*; return the exit code."""
    import vasya_server.app  # noqa: F401 — importing the resources declares their operations
    from vasya_server.api.openapi import document
    from vasya_server.api.reference import problems_page, scopes_page, settings_page
    from vasya_server.api.routes import OPERATIONS
    from vasya_server.api.tools import packaged

    match page:
        case "problems":
            answer(problems_page(), end="")
        case "scopes":
            answer(scopes_page(), end="")
        case "settings":
            answer(settings_page(), end="")
        case "tools":
            answer(_shown(packaged(document(OPERATIONS))))
        case _:
            answer(_shown(document(OPERATIONS)))
    return 0


def _shown(said: object) -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(said), indent=2).decode()
