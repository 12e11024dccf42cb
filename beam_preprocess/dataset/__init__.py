"""A finished data set: its schema, reading it back, and checking it."""
