"""The command line of ``python -m pim``."""
