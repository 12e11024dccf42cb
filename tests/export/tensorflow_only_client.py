"""Asks exports as a process does that has TensorFlow and nothing else.

Usage: ``python -I tensorflow_only_client.py REQUESTS.json ANSWERS.json``. The requests map a
version directory to inputs by signature; the answers hold what every loader gave for each.
"""

import json
import sys

# To Python these are then not installed, although TensorFlow's own installation brings Keras.
NOT_THERE = ("nasrec_tf", "beam_preprocess", "pim", "keras", "tf_keras")
sys.modules.update(dict.fromkeys(NOT_THERE))

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402


def arrays_of(inputs):
    """Lists of numbers, or of texts that stand for bytes, as arrays."""
    return {
        name: np.array(values, np.float32)
        if isinstance(values[0], float)
        else np.array([value.encode("latin-1") for value in values], object)
        for name, values in inputs.items()
    }


def listed(array):
    return [v.decode() if isinstance(v, bytes) else v for v in np.asarray(array).ravel().tolist()]


def ask_loaded(directory, requests):
    """Through ``tf.saved_model.load``."""
    loaded = tf.saved_model.load(directory)
    answers = {}
    for signature, inputs in requests.items():
        feed = {name: tf.constant(array) for name, array in arrays_of(inputs).items()}
        outputs = loaded.signatures[signature](**feed)
        answers[signature] = {name: listed(value.numpy()) for name, value in outputs.items()}
    return answers


def ask_session(directory, requests):
    """Through a session, as TF Serving does; also what the signatures say of themselves."""
    answers, signatures = {}, {}
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        loaded = tf.compat.v1.saved_model.loader.load(session, ["serve"], directory)
        for signature, definition in loaded.signature_def.items():
            signatures[signature] = {
                "method": definition.method_name,
                "inputs": {name: tensor.name for name, tensor in definition.inputs.items()},
                "outputs": {name: tensor.name for name, tensor in definition.outputs.items()},
                "shapes": {
                    name: [axis.size for axis in tensor.tensor_shape.dim]
                    for name, tensor in [*definition.inputs.items(), *definition.outputs.items()]
                },
            }
        for signature, inputs in requests.items():
            definition = loaded.signature_def[signature]
            feed = {
                definition.inputs[name].name: array for name, array in arrays_of(inputs).items()
            }
            fetches = {name: tensor.name for name, tensor in definition.outputs.items()}
            outputs = session.run(fetches, feed)
            answers[signature] = {name: listed(value) for name, value in outputs.items()}
    return answers, signatures


def main(request_file, answer_file):
    with open(request_file, encoding="utf-8") as file:
        requests = json.load(file)
    answers = {}
    for directory, inputs in requests.items():
        from_session, signatures = ask_session(directory, inputs)
        answers[directory] = {
            "loaded": ask_loaded(directory, inputs),
            "session": from_session,
            "signatures": signatures,
        }
    modules = [name for name in NOT_THERE if sys.modules[name] is not None]
    with open(answer_file, "w", encoding="utf-8") as file:
        json.dump({"answers": answers, "modules": modules}, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
