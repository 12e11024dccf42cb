"""What the tests of the core share: supernets of small spaces."""

import dataclasses
import os
import shutil

import pytest
from core_cases import EMBEDDED, FEATURES, FULL, NO_DENSE, SMALL, SMALL_OPTIONS, shake

from nasrec_tf.architecture.space import ALWAYS

CONFIGURATIONS = {
    # These two with TensorFlow's own operations alone, all others with our kernels.
    "full-split-kernels-portable": (FULL, FEATURES, {}),
    "full-unbalanced-no-norm-no-dense-portable": (
        FULL,
        NO_DENSE,
        {"operator_balancing": False, "normalization": "none"},
    ),
    "full-split-kernels": (FULL, FEATURES, {}),
    "full-unbalanced-no-norm-no-dense": (
        FULL,
        NO_DENSE,
        {"operator_balancing": False, "normalization": "none"},
    ),
    "full-unbalanced": (FULL, FEATURES, {"operator_balancing": False}),
    "small-no-mergers": (SMALL.replace(mergers=False), FEATURES, {}),
    "small-no-norm": (SMALL, FEATURES, {"normalization": "none"}),
    "full-any-embeddings": (EMBEDDED, FEATURES, {"normalization": "none"}),
    "small-embeddings-no-dense-portable": (
        SMALL.replace(dense_embeddings=ALWAYS),
        NO_DENSE,
        {},
    ),
}


def compiled_kernels():
    """The library of our kernels, which must be there if there is a compiler."""
    from nasrec_tf import native
    from nasrec_tf.native.compiler import COMPILERS

    if os.environ.get(native.SWITCH) == "0" or not any(map(shutil.which, COMPILERS)):
        pytest.skip("our kernels are switched off, or there is no compiler for them")
    assert native.kernels() is not None, "our kernels do not compile"
    return native.kernels()


@pytest.fixture(scope="session")
def library():
    return compiled_kernels()


@pytest.fixture(scope="module", params=["kernels", "portable"])
def arithmetic(request):
    """The library of our kernels, and then none: TensorFlow's own operations alone."""
    from nasrec_tf import native

    if request.param == "portable":
        with native.portable():
            yield native.kernels()
    else:
        yield compiled_kernels()


@pytest.fixture(scope="session", params=CONFIGURATIONS)
def supernet(request):
    """A supernet with random weights, for each of several spaces, inputs and options."""
    from nasrec_tf.networks.layers import shared_part
    from nasrec_tf.networks.supernet.model import Supernet

    space, features, changes = CONFIGURATIONS[request.param]
    options = dataclasses.replace(SMALL_OPTIONS, **changes)
    with pytest.MonkeyPatch.context() as patch:
        if "split" in request.param:
            # Kernels of real spaces are stored in groups of columns; make these do so too.
            patch.setattr(shared_part, "SPLIT_ABOVE", 16)
        model = Supernet(space, features, options, seed=3)
    shake(model)
    return model


@pytest.fixture(autouse=True)
def portable_where_named(request):
    """Configurations of that name are computed without our kernels, and nothing after them is."""
    called = getattr(request.node, "callspec", None)
    if called is None or "portable" not in str(called.params.get("supernet", "")):
        yield
        return
    from nasrec_tf import native

    with native.portable():
        yield


@pytest.fixture(scope="session")
def path_function(supernet):
    """The supernet as one traced function of inputs and path."""
    import tensorflow as tf

    from nasrec_tf.networks.supernet.path import Path

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


DEMO_ROWS = 900
SHARDS = 3


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    """Directory of a small data set with Criteo's layout, made by Beam from a generated log."""
    from beam_preprocess.api import PreprocessConfig, preprocess
    from beam_preprocess.datasets import find_description
    from nasrec_tf.data.generated_log import write_demo

    directory = tmp_path_factory.mktemp("demo")
    write_demo(directory / "demo.txt", DEMO_ROWS, seed=4)
    config = PreprocessConfig(
        find_description("criteo"),
        str(directory / "dataset"),
        inputs=(str(directory / "demo.txt"),),
        seed=2,
        shards=SHARDS,
    )
    return preprocess(config)


@pytest.fixture(scope="session")
def records(dataset):
    """The data set, held in memory."""
    from nasrec_tf.data.records import Records

    return Records(dataset)


@pytest.fixture(scope="session")
def streamed_records(dataset):
    """The same data set, read shard by shard."""
    from nasrec_tf.data.records import Records

    return Records(dataset, memory_limit=0)
