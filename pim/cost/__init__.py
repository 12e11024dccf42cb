"""Latency, energy and area of a workload on hardware."""
