"""SQL and the one door to it; every query of the project stands here as text, beside the shape of its rows."""
