"""Records in files: JSON Lines, CSV, lines of text. Pure: bytes in, records out, and back."""
