"""Trained networks as SavedModels that answer raw feature values, for TF Serving and its like.

* ``saved_model.export_saved_model``: writes ``saved_models/<name>/<version>/``.
* ``description.describe_export``: what an export holds, without TensorFlow.
* ``serving.serving_help``, ``serving.write_models_config``: how to serve it.
* ``preprocessing.Preprocessing``: the data set's preprocessing as a graph.

Importing this package loads nothing heavy.
"""
