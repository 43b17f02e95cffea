"""What the API asks of Telegram, one module per resource: reads leave no trace, and mutations happen once."""
