"""What a network reads: features, and records as tensors."""
