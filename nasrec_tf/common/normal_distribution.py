"""A figure of the standard normal distribution that intervals are made with."""

NORMAL_95 = 1.959963984540054
"""Quantile 0.975: so many standard deviations to either side hold 95 %."""
