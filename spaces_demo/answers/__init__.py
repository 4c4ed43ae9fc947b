"""What an answer says, in words and tables."""
