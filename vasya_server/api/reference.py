"""The reference pages that are made from the tables in the code, so that they cannot differ from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vasya_server.api.problems import PROBLEMS
from vasya_server.api.routes import OPERATIONS, Access
from vasya_server.auth.scopes import Preset, Scope
from vasya_server.settings import SETTINGS

if TYPE_CHECKING:
    from vasya_server.settings import Setting


def problems_page() -> str:
    """Return docs/api/problems.md: every code that a refusal can have."""
    rows = [
        f"| {row.status} | `{code}` | {'yes' if row.is_retryable else ''} | {row.remedy} |"
        for code, row in sorted(PROBLEMS.items(), key=lambda item: (item[1].status, item[0]))
    ]
    head = [
        "# Problem codes",
        "",
        "Made from the table in `vasya_server/api/problems.py` by `make openapi`. *Retry* says whether the",
        "same request can succeed later; the remedy is the one in the body where no closer one is known.",
        "",
        "| status | code | retry | remedy |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *rows, ""])


def scopes_page() -> str:
    """Return docs/api/scopes.md: what each scope opens, and what no scope does."""
    head = [
        "# Scopes and what they open",
        "",
        "Made from the declarations of the routes by `make openapi`. A scope opens exactly what stands beside it. Those with",
        "★ are destructive: they are in no preset, and a key has them only where they were named.",
        "",
        "| scope | what it is for | opens |",
        "|---|---|---|",
    ]
    scopes = [
        f"| `{scope.value}`{' ★' if scope.is_destructive else ''} | {scope.description} | {_opened_by(scope)} |"
        for scope in Scope
    ]
    others = [
        "",
        "| without a scope | opens |",
        "|---|---|",
        f"| no credential | {_opened_by(Access.PUBLIC)} |",
        f"| any credential | {_opened_by(Access.ANY_PRINCIPAL)} |",
        f"| a human's alone | {_opened_by(Access.HUMAN)} |",
        "",
        "| preset | scopes |",
        "|---|---|",
    ]
    presets = [
        f"| `{preset.value}` | {', '.join(f'`{scope.value}`' for scope in sorted(preset.scopes))} |"
        for preset in Preset
    ]
    return "\n".join([*head, *scopes, *others, *presets, ""])


def _opened_by(access: Scope | Access) -> str:
    opened = sorted((o.path, o.method) for o in OPERATIONS if o.access is access)
    return "<br>".join(f"`{method} {path}`" for path, method in opened) or "nothing yet"


def settings_page() -> str:
    """Return docs/api/settings.md: every setting of the server."""
    head = [
        "# Settings",
        "",
        "Made from the table in `vasya_server/settings/table.py` by `make openapi`. All are environment",
        "variables. A wrong value, an unknown `VASYA_…` name or an unsafe combination stops the program",
        "with exit code 78 and a sentence that names it; secrets leave the environment when they are read.",
        "",
        "| name | default | unit | meaning |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *map(_setting, SETTINGS), ""])


def _setting(row: Setting) -> str:
    default = f"`{row.default}`" if row.default else ""
    secret = " Secret." if row.is_secret else ""
    return f"| `{row.name}` | {default} | {row.unit} | {row.sentence}{secret} |"
