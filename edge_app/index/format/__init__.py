"""What lies in the index folder, byte by byte."""
