"""A QR login token as something that a phone's camera reads.

Source: https://core.telegram.org/api/qr-login
"""

from __future__ import annotations

import base64
import io

import segno


def url_of(token: bytes) -> str:
    """Return what the QR code says."""
    return f"tg://login?token={base64.urlsafe_b64encode(token).decode().rstrip('=')}"


def svg_of(text: str) -> str:
    """Draw *text* as a QR code that a browser shows as it is."""
    drawn = io.BytesIO()
    segno.make_qr(text, error="m").save(
        drawn, kind="svg", scale=6, light="#fff", xmldecl=False, nl=False
    )
    return drawn.getvalue().decode()
