"""Raw logs to columns: files, blocks, rows, side tables."""
