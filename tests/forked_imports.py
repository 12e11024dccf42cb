"""What the process has loaded of which programs are forked."""

import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras_tuner  # noqa: E402, F401
import tensorflow as tf  # noqa: E402
from tensorflow.python.eager import context  # noqa: E402

import nasrec_tf.search.command  # noqa: E402, F401
import nasrec_tf.strategies  # noqa: E402, F401

# A fork has none of the threads that TensorFlow starts with its first operation.
assert context._context is None or not context.context()._initialized, tf.__name__
# What is there by now is looked at by no garbage collection.
gc.collect()
gc.freeze()
