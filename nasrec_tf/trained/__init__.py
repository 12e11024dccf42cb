"""Trained models in use: further logs, their predictions, and how good they are."""
