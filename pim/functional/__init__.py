"""What the arrays compute: analog products and quantized layers."""
