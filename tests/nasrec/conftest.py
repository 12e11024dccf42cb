"""What the tests of the core share: supernets of small spaces."""

import dataclasses

import pytest
from core_cases import FEATURES, FULL, NO_DENSE, SMALL, SMALL_OPTIONS, shake

CONFIGURATIONS = {
    "full-split-kernels": (FULL, FEATURES, {}),
    "full-unbalanced-no-norm-no-dense": (
        FULL,
        NO_DENSE,
        {"operator_balancing": False, "layer_norm": False},
    ),
    "full-unbalanced": (FULL, FEATURES, {"operator_balancing": False}),
    "small-no-mergers": (SMALL.replace(mergers=False), FEATURES, {}),
    "small-no-norm": (SMALL, FEATURES, {"layer_norm": False}),
}


@pytest.fixture(scope="session", params=CONFIGURATIONS)
def supernet(request):
    """A supernet with random weights, for each of several spaces, inputs and options."""
    from nasrec_tf.layers import shared_part
    from nasrec_tf.supernet.model import Supernet

    space, features, changes = CONFIGURATIONS[request.param]
    options = dataclasses.replace(SMALL_OPTIONS, **changes)
    with pytest.MonkeyPatch.context() as patch:
        if "split" in request.param:
            # Kernels of real spaces are stored in groups of columns; make these do so too.
            patch.setattr(shared_part, "SPLIT_ABOVE", 16)
        model = Supernet(space, features, options, seed=3)
    shake(model)
    return model


@pytest.fixture(scope="session")
def path_function(supernet):
    """The supernet as one traced function of inputs and path."""
    import tensorflow as tf

    from nasrec_tf.supernet.path import Path

    path = supernet.encode(supernet.space.widest)
    signature = [
        {
            "dense": tf.TensorSpec([None, supernet.features.dense], tf.float32),
            "sparse": tf.TensorSpec([None, supernet.features.sparse], tf.int64),
        },
        Path(*(tf.TensorSpec(part.shape, part.dtype) for part in path)),
    ]
    return tf.function(lambda inputs, path: supernet(inputs, path=path), input_signature=signature)


@pytest.fixture(scope="session")
def path_logits(supernet, path_function):
    """Logits of an architecture's path through the supernet, as an array."""

    def logits(inputs, architecture):
        return path_function(inputs, supernet.encode(architecture)).numpy()

    return logits
