"""The supernet at full width by masks, as accelerators run it, is the supernet by active slices."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from core_cases import (
    FEATURES,
    FULL,
    SMALL,
    SMALL_OPTIONS,
    random_architectures,
    raw_inputs,
    raw_labels,
    shake,
)
from masked_supernet import MaskedSupernet

from nasrec_tf import native
from nasrec_tf.common.errors import UserError
from nasrec_tf.networks.layers import shared_part
from nasrec_tf.networks.supernet import masked_operators
from nasrec_tf.networks.supernet.masked_arithmetic import MaskedArithmetic, product_parts
from nasrec_tf.networks.supernet.masked_form import MaskedForm
from nasrec_tf.networks.supernet.model import Supernet
from nasrec_tf.operators.attention import attention_by_products
from nasrec_tf.optimizers.adagrad import Adagrad
from nasrec_tf.optimizers.compiled_update import summed_by_row

ARCHITECTURES = 8
BATCH = 6


def tensors(inputs):
    return {name: tf.constant(value) for name, value in inputs.items()}


def test_paths_by_masks_equal_the_papers_definition(supernet, request):
    """By TensorFlow's own operations; the steps below run the same ones as XLA compiles them."""
    configuration = request.node.callspec.params["supernet"]
    if configuration.startswith("full-") and configuration.endswith("-portable"):
        pytest.skip("differs in the kernels alone, of which masks use none")
    form, oracle = MaskedForm(supernet), MaskedSupernet(supernet)

    @tf.function(autograph=False)
    def logits(inputs, path):
        return form.logits(form.run(*form.raw(inputs, path)))

    for seed, architecture in enumerate(random_architectures(supernet.space, ARCHITECTURES, 17)):
        inputs = raw_inputs(supernet.features, BATCH, seed)
        expected = oracle(inputs, architecture)
        found = logits(tensors(inputs), supernet.encode(architecture))
        scale = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * scale)
    assert logits.experimental_get_tracing_count() == 1


TRAINED = FULL.replace(num_blocks=2)


@pytest.fixture(scope="module")
def pair():
    """Two supernets alike, of which the first trains active slices and the second by masks."""
    with pytest.MonkeyPatch.context() as patch:
        # Kernels of real spaces are stored in groups of columns; make these do so too.
        patch.setattr(shared_part, "SPLIT_ABOVE", 16)
        supernets = [Supernet(TRAINED, FEATURES, SMALL_OPTIONS, seed=3) for _ in range(2)]
    for supernet in supernets:
        shake(supernet)
        optimizer = Adagrad(0.05, clip_norm=0.5, row_decay=1e-3, table_rate_scale=0.5)
        supernet.compile(optimizer, loss=keras.losses.BinaryCrossentropy(from_logits=True))
        supernet.optimizer.build(supernet.trainable_variables)
    supernets[1].run_by_masks()
    return supernets


def values(supernet):
    """Weights and accumulators by name."""
    weights = {weight.path: weight.numpy() for weight in supernet.trainable_variables}
    state = {slot.path: slot.numpy() for slot in supernet.optimizer.variables}
    return weights | {name: value for name, value in state.items() if value.dtype == np.float32}


def touched(supernet, architecture):
    """Which entries of every kernel a stand-alone network of the architecture has."""
    kept = [weight.numpy() for weight in supernet.trainable_variables]
    for weight in supernet.trainable_variables:
        weight.assign(np.arange(1, 1 + np.prod(weight.shape)).reshape(weight.shape))
    alone = supernet.extract(architecture)
    found = {}
    for name, part in supernet.parts.items():
        taken = alone.parts[name].variables_by_name if name in alone.parts else {}
        for key, groups in part.groups.items():
            entries = taken[key].numpy() if key in taken else []
            for _, weight in groups:
                found[weight.path] = np.isin(weight.numpy(), entries)
    for weight, value in zip(supernet.trainable_variables, kept):
        weight.assign(value)
    return found


def test_whole_steps_by_masks_are_those_of_active_slices(pair):
    sliced, masked = pair
    of_slices, of_masks = (tf.function(each.train_on_path, autograph=False) for each in pair)
    for seed, architecture in enumerate(random_architectures(TRAINED, 6, 19)):
        path, before = sliced.encode(architecture), values(masked)
        inputs, labels = tensors(raw_inputs(FEATURES, BATCH, seed)), raw_labels(BATCH, seed)
        expected_logits, expected_loss = of_slices(path, inputs, labels)
        logits, loss = of_masks(path, inputs, labels)
        np.testing.assert_allclose(logits, expected_logits, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(loss, expected_loss, rtol=1e-4)
        after = values(masked)
        for name, value in values(sliced).items():
            np.testing.assert_allclose(after[name], value, rtol=1e-4, atol=2e-5, err_msg=name)
        # What the path leaves out stays as it was to the bit, accumulators too.
        changed = 0
        for name, entries in touched(masked, architecture).items():
            [slot] = [key for key in after if key.endswith(slot_of(name))]
            for key in (name, slot):
                same = after[key] == before[key]
                assert same[~entries].all(), key
                changed += np.sum(~same)
        assert changed
    assert of_masks.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(
    "rows", [[7, 7, 7, 7], [5, 1 << 33, 0, 2], [9, 3, 9, 3]], ids=["one", "each", "twice"]
)
def test_gradients_of_rows_that_are_named_again_are_summed(rows):
    values = np.float32([[1, 10], [2, 20], [4, 40], [8, 80]])
    named = tf.function(summed_by_row, jit_compile=True)(tf.constant(rows, tf.int64), values)
    expected = {row: sum(values[np.equal(rows, row)]) for row in sorted(rows)}
    assert named.count == len(expected)
    assert named.rows.numpy()[: len(expected)].tolist() == list(expected)
    np.testing.assert_array_equal(named.sums[: len(expected)], list(expected.values()))
    np.testing.assert_array_equal(named.sums[len(expected) :], 0.0)


def slot_of(path):
    return f"{path.replace('/', '_')}_accumulator"


@pytest.mark.slow
def test_a_supernet_by_masks_trains_and_predicts_like_any_other(pair):
    inputs, labels = raw_inputs(FEATURES, 2 * BATCH), raw_labels(2 * BATCH)
    for supernet in pair:
        supernet.fit(inputs, labels, batch_size=BATCH, shuffle=False, verbose=0)
    inputs = raw_inputs(FEATURES, BATCH)
    for architecture in random_architectures(TRAINED, 3, 23):
        expected, found = (each.logits(inputs, architecture).numpy() for each in pair)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
        # Head inputs and head go together, at full width.
        masked, path = pair[1], pair[1].encode(architecture)
        head = masked.head_slice(path)
        by_head = masked.tunable_logits(
            masked.head_inputs(inputs, path), head["head_kernel"], head["head_bias"]
        )
        np.testing.assert_allclose(by_head, found, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
@pytest.mark.parametrize("inner, columns, parts", [(700, 4, 8), (16, 48, 128), (700, 900, 1)])
def test_products_sum_in_float32_and_over_rows_in_any_number_of_parts(
    inner, columns, parts, precision
):
    assert product_parts(inner, columns) == parts
    x = tf.random.stateless_normal([5, 3, inner], [1, 2])
    kernel = tf.random.stateless_normal([inner, columns], [3, 4])
    upstream = tf.random.stateless_normal([5, 3, columns], [5, 6])

    @tf.function(jit_compile=True, autograph=False)
    def run(x, kernel):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = MaskedArithmetic(precision).product(x, kernel)
        return y, *tape.gradient(y, [x, kernel], upstream)

    def rounded(values):
        return tf.cast(tf.cast(values, precision), tf.float64)

    flat, of_flat = (rounded(tf.reshape(each, [15, -1])) for each in (x, upstream))
    expected = (
        tf.reshape(flat @ rounded(kernel), [5, 3, columns]),
        tf.reshape(of_flat @ tf.transpose(rounded(kernel)), [5, 3, inner]),
        tf.transpose(flat) @ of_flat,
    )
    for found, value in zip(run(x, kernel), expected):
        assert found.dtype == tf.float32
        np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("factors", [tf.float32, tf.bfloat16], ids=lambda each: each.name)
@pytest.mark.parametrize("present, is_compiled", [(1, True), (4, True), (7, True), (4, False)])
def test_attention_to_the_tokens_that_are_present(present, is_compiled, factors):
    heads, size, tokens = 2, 3, 7
    packed = tf.random.stateless_normal([4, tokens, 3 * heads * size], [1, present]) * 2.0
    upstream = tf.random.stateless_normal([4, tokens, heads * size], [2, present])

    def plain(packed):
        parts = tf.reshape(packed, [4, tokens, 3, heads, size])
        query, key, value = tf.unstack(tf.transpose(parts, [2, 0, 3, 1, 4]))
        scores = tf.matmul(query, key, transpose_b=True) / tf.sqrt(float(size))
        scores = tf.where(tf.range(tokens) < present, scores, -1e9)
        mixed = tf.transpose(tf.matmul(tf.nn.softmax(scores), value), [0, 2, 1, 3])
        return tf.reshape(mixed, [4, tokens, heads * size])

    @tf.function(jit_compile=True, autograph=False)
    def by_products(packed):
        mask = tf.range(tokens) < present
        return attention_by_products(packed, heads, tokens, mask, factors, is_compiled)

    def outcome(function):
        with tf.GradientTape() as tape:
            tape.watch(packed)
            y = function(packed)
        return y, tape.gradient(y, packed, upstream)

    # 8 bits of a bfloat16 factor, of products that partly cancel.
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if factors == tf.float32 else {"rtol": 0, "atol": 0.06}
    found = outcome(by_products)
    for ours, theirs in zip(found, outcome(plain)):
        assert ours.dtype == tf.float32
        np.testing.assert_allclose(ours, theirs, **tolerance)
    *_, of_packed = found
    _, of_key, of_value = tf.split(of_packed, 3, axis=2)
    for absent in (of_key[:, present:], of_value[:, present:]):
        np.testing.assert_array_equal(absent, 0.0)


def test_what_has_no_masked_form_is_refused_in_one_line(monkeypatch):
    quantized = Supernet(SMALL.replace(bits=(4, 8)), FEATURES, SMALL_OPTIONS)
    with pytest.raises(UserError, match="quantized supernet has no masked form"):
        quantized.run_by_masks()
    supernet = Supernet(SMALL, FEATURES, SMALL_OPTIONS)
    with pytest.raises(ValueError, match="`precision` must be one of"):
        supernet.run_by_masks("float16")
    with monkeypatch.context() as patch:
        patch.delitem(masked_operators.MASKED_OPERATORS, "efc")
        with pytest.raises(UserError, match="'efc' has no masked form; .* --device cpu"):
            supernet.run_by_masks()
    supernet.run_by_masks()
    supernet.compile(Adagrad(epsilon=0.0), loss="mse")
    with pytest.raises(ValueError, match="needs an `epsilon` above 0"):
        supernet.train_on_path(
            supernet.encode(SMALL.widest), raw_inputs(FEATURES, 2), raw_labels(2)
        )


def test_the_masked_form_leaves_the_kernels_of_the_cpu_as_they_were(library):
    assert native.kernels() is library
