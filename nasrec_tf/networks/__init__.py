"""What computes: layers, the supernet, the stand-alone subnet, weights, quantization."""
