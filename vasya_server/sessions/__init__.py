"""Accounts at rest: sealed sessions, profiles, credentials and peers."""
