"""The owner's chat: what waits is asked in Saved Messages, and what the owner's other devices answer there is obeyed.

It stands beside the API and uses the same operations: nothing is decided here in a way of its own.
"""
