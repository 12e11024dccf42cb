"""The Beam pipeline, what runs it, and how far it is."""
