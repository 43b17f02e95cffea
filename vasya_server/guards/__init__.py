"""What is watched at Telegram on behalf of the owner: messages that may still be taken back, and where the owner writes."""
