"""What a file is and says: its format, colours, metadata, and what it would cost or lacks."""
