"""What a board's kernel says of it: standard library only, so that it can be sent there."""
