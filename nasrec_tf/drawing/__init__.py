"""How an architecture is drawn; ``nasrec_tf.draw`` is the entry point."""
