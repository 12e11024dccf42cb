"""Records, shards, manifest and data card, written so that a reader sees all or nothing."""
