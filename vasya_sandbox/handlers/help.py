"""What a client asks before anything else: where the data centres are, and how they behave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.session import Session

# There are five of Telegram's; all of the sandbox's are the same loopback address.
DC_IDS = range(1, 6)


@rpc(f.help.GetConfigRequest, login=False)
def get_config(session: Session, request: Any) -> Any:
    """Serve help.getConfig: every data centre is this one, so a migration stays on loopback.

    Source: https://core.telegram.org/method/help.getConfig
    """
    ip, port = session.dc.address
    now = session.dc.world.now
    return t.Config(
        date=now,
        expires=now + 3600,
        test_mode=False,
        this_dc=session.dc.dc_id,
        dc_options=[t.DcOption(dc_id, ip, port) for dc_id in DC_IDS],
        dc_txt_domain_name="",
        chat_size_max=200,
        megagroup_size_max=200_000,
        forwarded_count_max=100,
        online_update_period_ms=210_000,
        offline_blur_timeout_ms=5_000,
        offline_idle_timeout_ms=30_000,
        online_cloud_timeout_ms=300_000,
        notify_cloud_delay_ms=30_000,
        notify_default_delay_ms=1_500,
        push_chat_period_ms=60_000,
        push_chat_limit=2,
        edit_time_limit=172_800,
        revoke_time_limit=2_147_483_647,
        revoke_pm_time_limit=2_147_483_647,
        rating_e_decay=2_419_200,
        stickers_recent_limit=200,
        channels_read_media_period=604_800,
        call_receive_timeout_ms=20_000,
        call_ring_timeout_ms=90_000,
        call_connect_timeout_ms=30_000,
        call_packet_timeout_ms=10_000,
        me_url_prefix="https://t.me/",
        caption_length_max=1_024,
        message_length_max=4_096,
        webfile_dc_id=session.dc.dc_id,
    )


@rpc(f.help.GetNearestDcRequest, login=False)
def get_nearest_dc(session: Session, request: Any) -> Any:
    """Serve help.getNearestDc.

    Source: https://core.telegram.org/method/help.getNearestDc
    """
    return t.NearestDc("ZZ", session.dc.dc_id, session.dc.dc_id)


@rpc(f.help.GetAppConfigRequest, login=False)
def get_app_config(session: Session, request: Any) -> Any:
    """Serve help.getAppConfig: nothing differs from a client's own defaults.

    Source: https://core.telegram.org/method/help.getAppConfig
    """
    return t.help.AppConfig(1, t.JsonObject([]))


@rpc(f.help.GetCdnConfigRequest, login=False)
def get_cdn_config(session: Session, request: Any) -> Any:
    """Serve help.getCdnConfig: there is no CDN.

    Source: https://core.telegram.org/method/help.getCdnConfig
    """
    return t.CdnConfig([])
