"""Lottery tickets (paper 6.2): masked networks, what their masks are drawn by, and what is left."""
