"""What it costs and what it finds, measured; the figures in docs/ are written from here."""
