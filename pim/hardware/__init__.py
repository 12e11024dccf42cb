"""Hardware: cells, converters, memories, presets, genes."""
