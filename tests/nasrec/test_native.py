"""Our kernels: compiled once, checked inputs, and the way without them."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from forked import Forked

from nasrec_tf import native
from nasrec_tf.architecture.space import NASREC_FULL
from nasrec_tf.data.features import Features
from nasrec_tf.native.build import built_library, source_digest
from nasrec_tf.native.compiler import compiler_version
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.operators import NetworkOptions
from nasrec_tf.operators.mergers import interaction
from nasrec_tf.optimizers.adagrad import Adagrad

ROOT = pathlib.Path(__file__).resolve().parents[2]


# Compiling.


def test_kernels_are_compiled_once(library):
    said = []
    assert built_library(said.append).is_file()
    assert not said


FINGERPRINT = (
    "import sys\n"
    "from nasrec_tf.native import kernel_fingerprint\n"
    "print(kernel_fingerprint(), 'tensorflow' in sys.modules)\n"
)


def run_python(program, **environment):
    return subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment,
        cwd=ROOT,
        text=True,
        capture_output=True,
    )


def test_the_fingerprint_names_source_and_compiler(library):
    source, compiler = native.kernel_fingerprint().split(" ", 1)
    assert source_digest().startswith(source)
    assert compiler == compiler_version()


@pytest.mark.parametrize(
    "environment", [{"NASREC_TF_NATIVE": "0"}, {"CXX": "no-such-compiler"}, {"CXX": "false"}]
)
def test_without_kernels_the_fingerprint_says_so_without_tensorflow(environment):
    done = run_python(FINGERPRINT, **environment)
    assert done.stdout.strip() == "none False", done.stderr


def test_without_a_compiler_networks_run_and_one_line_says_how(tmp_path):
    program = (
        "import numpy as np, tensorflow as tf\n"
        "from nasrec_tf.operators.dot_product import pairs\n"
        "print(pairs(tf.ones((1, 2, 3)), True).numpy().tolist())\n"
    )
    without = {"CXX": "no-such-compiler", "XDG_CACHE_HOME": str(tmp_path)}
    done = Forked(program, [], os.environ | without)
    done.wait(300)
    assert done.out.strip() == "[[2.0, 2.0, 2.0]]", done.err
    [line] = [line for line in done.err.splitlines() if "no-such-compiler" in line]
    assert "NASREC_TF_NATIVE=0" in line


def test_portable_graphs_hold_none_of_our_kernels(library):
    space = NASREC_FULL.replace(num_blocks=2)
    options = NetworkOptions(embedding_dim=4, attention_heads=2, merged_tokens=2)
    subnet = Subnet(space.widest, Features(3, (5, 5)), options)
    inputs = {"dense": tf.ones((2, 3)), "sparse": tf.ones((2, 2), tf.int64)}

    def operations():
        function = tf.function(lambda: subnet(inputs), autograph=False)
        graph = function.get_concrete_function().graph
        return function().numpy(), {operation.type for operation in graph.get_operations()}

    with_kernels, types = operations()
    assert any(name.startswith("Nasrec") for name in types)
    with native.portable():
        without, types = operations()
    assert not any(name.startswith("Nasrec") for name in types)
    np.testing.assert_allclose(with_kernels, without, rtol=1e-4, atol=1e-4)


# Slices of variables.


def slices(rows, columns):
    return np.ix_(rows, range(columns))


@pytest.mark.parametrize("columns", [0, 2, 3, 4, 5])
@pytest.mark.parametrize("rows", [[], [0], [3, 1], [0, 1, 2, 3]])
def test_a_slice_is_read_over_groups_of_columns(library, rows, columns):
    whole = np.arange(20, dtype=np.float32).reshape(4, 5)
    groups = [tf.Variable(whole[:, :3]), tf.Variable(whole[:, 3:])]
    found = library.nasrec_read_slice(
        variables=[group.handle for group in groups],
        rows=tf.constant(rows, tf.int32),
        columns=columns,
    )
    np.testing.assert_array_equal(found, whole[slices(rows, columns)])


@pytest.mark.parametrize("count", [0, 2, 4])
def test_first_rows_are_named_by_their_count(library, count):
    vector = tf.Variable([1.0, 2.0, 3.0, 4.0])
    found = library.nasrec_read_slice(variables=[vector.handle], rows=count, columns=1, rank=1)
    np.testing.assert_array_equal(found, vector[:count])


@pytest.mark.parametrize("index_type", [tf.int32, tf.int64])
def test_a_slice_is_updated_as_adagrad_does_and_nothing_else(library, index_type):
    rng = np.random.default_rng(0)
    whole, sums = rng.normal(size=(4, 5)), rng.uniform(size=(4, 5))
    gradient = rng.normal(size=(2, 4))
    groups, accumulators = (
        [tf.Variable(part.astype(np.float32)) for part in (value[:, :3], value[:, 3:])]
        for value in (whole, sums)
    )
    read_before = [tf.identity(group) for group in groups]
    library.nasrec_adagrad_slice(
        variables=[group.handle for group in groups],
        accumulators=[accumulator.handle for accumulator in accumulators],
        rows=tf.constant([3, 1], index_type),
        gradient=gradient.astype(np.float32),
        rate=0.1,
        epsilon=0.01,
        scale=0.5,
    )
    active = slices([3, 1], 4)
    expected, expected_sums = whole.copy(), sums.copy()
    expected_sums[active] += (0.5 * gradient) ** 2
    expected[active] -= 0.1 * 0.5 * gradient / (np.sqrt(expected_sums[active]) + 0.01)
    np.testing.assert_allclose(np.concatenate(groups, axis=1), expected, rtol=1e-6)
    np.testing.assert_allclose(np.concatenate(accumulators, axis=1), expected_sums, rtol=1e-6)
    # What was read before the update does not change with it.
    np.testing.assert_allclose(np.concatenate(read_before, axis=1), whole, rtol=1e-6)


def test_a_whole_variable_is_updated_beside_what_was_read_of_it(library):
    variable, accumulator = tf.Variable(tf.ones((4, 2))), tf.Variable(tf.zeros((4, 2)))
    read_before = variable.read_value()
    for _ in range(2):
        library.nasrec_adagrad_slice(
            variables=[variable.handle],
            accumulators=[accumulator.handle],
            rows=4,
            gradient=tf.ones((4, 2)),
            rate=0.5,
            epsilon=0.0,
            scale=1.0,
        )
    np.testing.assert_array_equal(read_before, np.ones((4, 2)))
    np.testing.assert_array_equal(accumulator, np.full((4, 2), 2.0))
    np.testing.assert_allclose(variable, np.full((4, 2), 0.5 - 0.5 / np.sqrt(2)), rtol=1e-5)


def test_reading_copies_nothing_where_nobody_read_before_an_update(library):
    variable, accumulator = tf.Variable(tf.ones((4, 2))), tf.Variable(tf.ones((4, 2)))
    library.nasrec_adagrad_slice(
        variables=[variable.handle],
        accumulators=[accumulator.handle],
        rows=[3, 1],
        gradient=tf.ones((2, 2)),
        rate=0.5,
        epsilon=0.0,
        scale=1.0,
    )
    for each in (variable, accumulator):
        first, second = (np.from_dlpack(each.read_value()) for _ in range(2))
        assert first.ctypes.data == second.ctypes.data


@pytest.mark.parametrize("rows", [[4], [-1], 5])
def test_a_row_that_is_not_there_is_an_error(library, rows):
    variable, accumulator = tf.Variable(tf.ones((4, 2))), tf.Variable(tf.ones((4, 2)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="4 rows"):
        library.nasrec_read_slice(variables=[variable.handle], rows=rows, columns=2)
    with pytest.raises(tf.errors.InvalidArgumentError, match="4 rows"):
        library.nasrec_adagrad_slice(
            variables=[variable.handle],
            accumulators=[accumulator.handle],
            rows=rows,
            gradient=tf.ones((np.size(rows) if np.ndim(rows) else rows, 2)),
            rate=0.1,
            epsilon=0.1,
            scale=1.0,
        )
    np.testing.assert_array_equal(variable, np.ones((4, 2)))


def test_the_norm_is_over_all_tensors(library):
    parts = [np.random.default_rng(0).normal(size=shape) for shape in ((), (0, 3), (70, 90), (3,))]
    found = library.nasrec_global_norm([part.astype(np.float32) for part in parts])
    expected = np.sqrt(sum(np.square(part).sum() for part in parts))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_updates_are_the_same_with_kernels_and_without(library):
    weight, gradient = np.random.default_rng(0).normal(size=(2, 6, 3)).astype(np.float32)
    results = []
    for way in (native.portable, None):
        variable = keras_variable(weight)
        optimizer = Adagrad(0.1, clip_norm=0.5)
        optimizer.build([variable])
        part = active_rows_of(variable, [1, 4, 4])
        if way is None:
            optimizer.apply_to_slices([part], [gradient[:3]])
        else:
            with way():
                optimizer.apply_to_slices([part], [gradient[:3]])
        assert int(optimizer.iterations) == 1
        results.append(variable.numpy())
    np.testing.assert_allclose(*results, rtol=1e-5)
    assert (results[0] != weight)[[1, 4]].all()


def keras_variable(value):
    import keras

    return keras.Variable(value)


def active_rows_of(variable, rows):
    from nasrec_tf.native.active_weight import gather_rows

    return gather_rows(variable, tf.constant(rows))._replace(rows_repeat=True)


# Attention.


def test_attention_of_heads_that_are_not_built_is_an_error(library):
    with pytest.raises(tf.errors.InvalidArgumentError, match="2 heads"):
        library.nasrec_attention(tf.ones((1, 4, 18)), heads=2)


def test_attention_of_large_scores_neither_overflows_nor_loses_a_nan(library):
    packed = np.random.default_rng(0).normal(size=(2, 20, 12)).astype(np.float32) * 60
    mixed, _ = library.nasrec_attention(packed, heads=2)
    assert np.isfinite(mixed).all()
    packed[1, 3] = np.nan
    mixed, _ = library.nasrec_attention(packed, heads=2)
    assert np.isfinite(mixed[0]).all() and np.isnan(mixed[1]).all()


def test_gradients_do_not_depend_on_the_number_of_threads(library):
    program = "import sys, threads_worker; threads_worker.main(int(sys.argv[1]))"
    processes = [Forked(program, [threads]) for threads in (1, 2, 5)]
    assert [process.wait(300) for process in processes] == [0, 0, 0]
    found = [json.loads(process.out) for process in processes]
    assert found[0] and all(other == found[0] for other in found)


def test_other_numbers_than_float32_go_without_kernels(library):
    assert native.kernels("float64") is None
    x = tf.random.stateless_normal((3, 4, 5), (0, 2), dtype=tf.float64)
    exact = np.square(np.sum(x, axis=2)) - np.sum(np.square(x), axis=2)
    np.testing.assert_allclose(interaction(x), exact, rtol=1e-12)
