"""A finished data set: its schema and manifest, reading it back, and checking it."""
