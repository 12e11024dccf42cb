"""Columns to ids and numbers: scanning, vocabularies, statistics, splits."""
