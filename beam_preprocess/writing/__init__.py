"""Records, shards and data card, written so that a reader sees all or nothing."""
