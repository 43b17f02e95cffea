"""Bodies on the wire: what the API reads and answers, as frozen msgspec Structs."""
