"""Benchmarks; each module runs by itself, and `python -m benchmarks` runs them by name."""
