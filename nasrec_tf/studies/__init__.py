"""Studies over runs: what a run found beside what people would have picked."""
