"""What a network asks of the hardware."""
