"""Click logs to sharded TFRecord data sets, on Apache Beam.

The command line is ``python -m beam_preprocess``; the library entry points are
:func:`beam_preprocess.api.preprocess` and :class:`beam_preprocess.dataset.schema.Schema`.
Importing this package loads neither Beam, PyArrow nor TensorFlow.
"""
