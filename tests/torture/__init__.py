"""Runs that are killed, starved of disk space and damaged, for as long as one likes."""
