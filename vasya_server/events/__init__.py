"""What happens in the accounts, written down in order before anybody is told, and followed by whoever may know."""
