"""What makes a repeated request the same request, and a repeated send the same message."""
