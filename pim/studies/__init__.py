"""Designs side by side: comparisons, baselines, assumptions, exploration."""
