"""Vasya for MCP clients: the operations of the REST server that carry `x-vasya-mcp`, as tools.

Nothing is decided here: the server allows, limits, asks and records. The adapter holds one agent key and no state.
"""
