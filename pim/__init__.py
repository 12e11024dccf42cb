"""Processing-in-memory."""
