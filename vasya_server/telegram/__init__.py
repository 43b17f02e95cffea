"""Telegram: the only package that knows Telethon."""
