"""Columns to ids and numbers: what a task reads, scanning, vocabularies, statistics, splits."""
