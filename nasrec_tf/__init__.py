"""nasrec_tf: automated design of click-through-rate models on TensorFlow and Keras.

Importing this package loads nothing heavy. It only chooses the Keras generation that
``tf.keras`` stands for: TF-MOT and TFRS need Keras 2 there, whereas everything in this package
is built on Keras 3 (``import keras``). The variable has to be set before TensorFlow loads.
"""

import os as _os

_os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

__version__ = "0.1.0"
