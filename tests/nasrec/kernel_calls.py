"""Calls of all kernels, right and wrong, for a process of its own: a wrong one might end it.

``python kernel_calls.py wrong`` makes every call of ``WRONG_CALLS`` and prints what each is told;
``python kernel_calls.py fuzz 200 0 call.txt`` makes 200 calls of drawn sizes, most of them wrong in
some way, by seed 0, keeps the one that it is about to make in a file, and prints how they ended.
"""

import collections
import dataclasses
import faulthandler
import json
import pathlib
import sys

import hypothesis.strategies as st
import numpy as np
import tensorflow as tf
from hypothesis import HealthCheck, Phase, given, seed, settings

from nasrec_tf import native


@dataclasses.dataclass(frozen=True)
class Sizes:
    """What the shapes of a right call are made of."""

    batch: int = 2
    tokens: int = 3
    heads: int = 2
    head_size: int = 2
    width: int = 5
    leading: tuple = (2, 3)
    rows: int = 4

    @property
    def embedding(self):
        return self.heads * self.head_size


@dataclasses.dataclass(frozen=True, eq=False)
class Stored:
    """A variable of some value; none at all if it was never given one."""

    value: np.ndarray
    has_value: bool = True

    def handle(self):
        if self.has_value:
            return tf.Variable(self.value)
        shape, dtype = self.value.shape, self.value.dtype
        return tf.raw_ops.VarHandleOp(dtype=dtype, shape=shape, shared_name=f"unset{id(self)}")


def floats(*shape):
    return np.random.default_rng(list(shape)).normal(size=shape).astype(np.float32)


def ints(*values):
    return np.array(values, np.int32)


def scalar(value, dtype=np.float32):
    return np.array(value, dtype)


def _attention(s):
    return {"packed": floats(s.batch, s.tokens, 3 * s.embedding), "heads": s.heads}


def _attention_grad(s):
    mixed = floats(s.batch, s.tokens, s.embedding)
    log_sums = floats(s.batch, s.heads, s.tokens)
    return _attention(s) | {"mixed": mixed, "log_sums": log_sums, "of_mixed": mixed}


def _encoder(s):
    square, unit = floats(s.embedding, s.embedding), floats(s.embedding)
    packed = [floats(s.embedding, 3 * s.embedding), floats(3 * s.embedding)]
    half = [square, unit, unit, unit]
    return {
        "tokens": floats(s.batch, s.embedding, s.tokens),
        "weights": [*packed, *half, square, unit, *half],
        "heads": s.heads,
        "epsilon": 1e-5,
    }


def _encoder_grad(s):
    tokens = floats(s.batch, s.embedding, s.tokens)
    log_sums = floats(s.batch, s.heads, s.tokens)
    return _encoder(s) | {"mixed": tokens, "log_sums": log_sums, "of_encoded": tokens}


def _layer_norm(s):
    unit = floats(s.width)
    return {"x": floats(*s.leading, s.width), "scale": unit, "offset": unit, "epsilon": 1e-5}


def _layer_norm_grad(s):
    x = floats(*s.leading, s.width)
    rows = int(np.prod(s.leading)) if s.width else 0
    return {"x": x, "scale": floats(s.width), "moments": floats(rows, 2), "of_y": x}


def _tokens(s):
    return {"tokens": floats(s.batch, s.embedding, s.tokens)}


def _pairs_grad(s):
    return _tokens(s) | {"of_products": floats(s.batch, s.tokens * (s.tokens - 1) // 2)}


def _interaction_grad(s):
    return _tokens(s) | {"of_interaction": floats(s.batch, s.embedding)}


def _x(s):
    return {"x": floats(*s.leading, s.width)}


def _unflatten(s):
    flat = floats(int(np.prod(s.leading)), s.width + 1)
    return {"flat": flat, "like": floats(*s.leading, s.width)}


def _values(s):
    return [floats(*s.leading, width) for width in (s.width, s.width + 2, 1)]


def _join(s):
    return {"values": _values(s), "counts": ints(s.width, 0, 1)}


def _join_grad(s):
    return {"of_joined": floats(*s.leading, s.width + 1), "counts": ints(s.width, 0, 1), "N": 3}


def _value(s):
    return floats(*s.leading, s.width)


def _either_grad(s):
    nothing = np.zeros((0, *s.leading[1:], 0), np.float32)
    return {"first": nothing, "second": _value(s), "of_either": _value(s)}


def _sum_present(s):
    shape = ints(*s.leading, s.width + 2)
    return {"shape": shape, "parts": [np.zeros((0, 0), np.float32), *_values(s)]}


def _sum_active(s):
    batch, width = scalar(s.leading[0], np.int32), scalar(s.width + 2, np.int32)
    return {"batch": batch, "width": width, "outputs": _values(s)}


def _sum_active_grad(s):
    shapes = [ints(*s.leading, s.width), ints(0, *s.leading[1:], 3)]
    return {"of_sum": floats(*s.leading, s.width + 2), "shapes": shapes}


def _stored(s):
    return [Stored(floats(s.rows, width)) for width in (s.width, 3)]


def _read_slice(s):
    columns = scalar(s.width + 2, np.int32)
    return {"variables": _stored(s), "rows": ints(0, s.rows - 1), "columns": columns, "rank": 2}


def _adagrad_slice(s):
    return {
        "variables": _stored(s),
        "accumulators": _stored(s),
        "rows": ints(0, s.rows - 1),
        "gradient": floats(2, s.width + 2),
        "rate": scalar(0.1),
        "epsilon": scalar(0.1),
        "scale": scalar(1.0),
    }


def _decay_rows(s):
    return {
        "table": Stored(floats(s.rows, s.width)),
        "settled": Stored(np.zeros(s.rows)),
        "accumulators": [Stored(floats(s.rows, s.width))],
        "rows": np.array([0, s.rows - 1, 0]),
        "rate_sum": np.float64(1.0),
        "decay": scalar(0.1),
        "epsilon": scalar(0.1),
    }


CALLS = {
    "attention": _attention,
    "attention_grad": _attention_grad,
    "encoder": _encoder,
    "encoder_grad": _encoder_grad,
    "layer_norm": _layer_norm,
    "layer_norm_grad": _layer_norm_grad,
    "pairs": _tokens,
    "pairs_grad": _pairs_grad,
    "interaction": _tokens,
    "interaction_grad": _interaction_grad,
    "flatten": _x,
    "unflatten": _unflatten,
    "add_bias": lambda s: _x(s) | {"bias": floats(s.width)},
    "sum_rows": _x,
    "join": _join,
    "join_grad": _join_grad,
    "aliases": lambda s: {"value": _value(s), "N": 2},
    "present": lambda s: {"value": _value(s), "on": scalar(0, np.int32)},
    "route": lambda s: {"value": _value(s), "condition": scalar(True, bool)},
    "either": lambda s: {"first": _value(s), "second": _value(s)},
    "either_grad": _either_grad,
    "sum_present": _sum_present,
    "sum_active": _sum_active,
    "sum_active_grad": _sum_active_grad,
    "read_slice": _read_slice,
    "adagrad_slice": _adagrad_slice,
    "decay_rows": _decay_rows,
    "global_norm": lambda s: {"parts": _values(s)},
}
"""Arguments of a right call of each kernel, by what its name starts with after ``nasrec_``."""

# Gradients, sums of rows, norms and what works on variables have no gradient of their own.
WITHOUT_GRADIENT = {
    "sum_rows",
    "sum_present",
    "global_norm",
    "read_slice",
    "adagrad_slice",
    "decay_rows",
}
DIFFERENTIABLE = {name for name in CALLS if not name.endswith("_grad")} - WITHOUT_GRADIENT


# One thing of a right call is wrong: the arguments that differ, and what is told.
SIZES = Sizes()
TWELVE = _encoder(SIZES)["weights"]
WRONG_CALLS = [
    ("attention", {"packed": floats(2, 12)}, "packed of shape [2,12] instead of rank 3"),
    ("attention", {"packed": floats(2, 3, 13)}, "packed of shape [2,3,13] is not of three equal"),
    ("attention", {"heads": 3}, "attention of 3 heads over an embedding of 4"),
    ("attention", {"heads": 2**62}, "heads over an embedding of 4"),
    ("attention_grad", {"packed": floats(12)}, "packed of shape [12] instead of rank 3"),
    ("attention_grad", {"mixed": floats(2, 3, 3)}, "mixed of shape [2,3,3] instead of [2,3,4]"),
    ("attention_grad", {"log_sums": floats(2, 3)}, "log_sums of shape [2,3] instead of [2,2,3]"),
    ("attention_grad", {"of_mixed": floats(1, 3, 4)}, "of_mixed of shape [1,3,4] instead of"),
    ("encoder", {"tokens": floats(2, 4)}, "tokens of shape [2,4] instead of rank 3"),
    ("encoder", {"tokens": floats(2, 8, 3)}, "weights[0] of shape [4,12] instead of [8,24]"),
    ("encoder", {"weights": [*TWELVE[:5], floats(3), *TWELVE[6:]]}, "weights[5] of shape [3]"),
    ("encoder", {"weights": [*TWELVE, floats(4)]}, "13 weights instead of 12"),
    ("encoder", {"heads": 3}, "3 heads over an embedding of 4"),
    ("encoder_grad", {"weights": [*TWELVE[:11], floats(16)]}, "weights[11] of shape [16]"),
    ("encoder_grad", {"mixed": floats(2, 4, 2)}, "mixed of shape [2,4,2] instead of [2,4,3]"),
    ("encoder_grad", {"log_sums": floats(2, 2, 2)}, "log_sums of shape [2,2,2] instead of"),
    ("encoder_grad", {"of_encoded": floats(2, 4)}, "of_encoded of shape [2,4] instead of"),
    ("layer_norm", {"x": scalar(1.0)}, "x of shape [] has no last axis"),
    ("layer_norm", {"x": floats(5, 3)}, "scale of shape [5] instead of [3]"),
    ("layer_norm", {"scale": floats(1, 5)}, "scale of shape [1,5] instead of [5]"),
    ("layer_norm", {"offset": floats(4)}, "offset of shape [4] instead of [5]"),
    ("layer_norm_grad", {"scale": floats(0)}, "scale of shape [0] instead of [5]"),
    ("layer_norm_grad", {"moments": floats(5, 2)}, "moments of shape [5,2] instead of [6,2]"),
    ("layer_norm_grad", {"of_y": floats(2, 3, 4)}, "of_y of shape [2,3,4] instead of [2,3,5]"),
    ("pairs", {"tokens": floats(2, 4)}, "tokens of shape [2,4] instead of rank 3"),
    ("pairs", {"tokens": np.zeros((0, 1, 2**45), np.float32)}, "tokens: too many"),
    ("pairs_grad", {"of_products": floats(2, 2)}, "of_products of shape [2,2] instead of [2,3]"),
    ("pairs_grad", {"tokens": floats(2, 4, 9)}, "of_products of shape [2,3] instead of [2,36]"),
    ("interaction", {"tokens": scalar(1.0)}, "tokens of shape [] instead of rank 3"),
    ("interaction_grad", {"of_interaction": floats(2)}, "of_interaction of shape [2] instead of"),
    ("interaction_grad", {"tokens": floats(9, 9, 9)}, "of_interaction of shape [2,4] instead of"),
    ("flatten", {"x": scalar(1.0)}, "x of shape [] has no last axis"),
    ("unflatten", {"flat": floats(6)}, "flat of shape [6] instead of rank 2"),
    ("unflatten", {"flat": floats(5, 0)}, "flat of shape [5,0] has not the rows of [2,3,5]"),
    ("unflatten", {"like": scalar(1.0)}, "like of shape [] has no last axis"),
    ("add_bias", {"x": scalar(1.0)}, "x of shape [] has no last axis"),
    ("add_bias", {"bias": floats(4)}, "bias of shape [4] instead of [5]"),
    ("add_bias", {"bias": floats(1, 5)}, "bias of shape [1,5] instead of [5]"),
    ("sum_rows", {"x": scalar(1.0)}, "x of shape [] has no last axis"),
    ("join", {"counts": ints(5, 0)}, "counts of shape [2] instead of [3]"),
    ("join", {"counts": scalar(5, np.int32)}, "counts of shape [] instead of [3]"),
    ("join", {"counts": ints(5, -7, 1)}, "-7 entries of values[1]"),
    ("join", {"counts": ints(4, 0, 1)}, "4 entries of values[0] of shape [2,3,5]"),
    ("join", {"values": [floats(2, 3, 5), scalar(1.0), floats(2, 3)]}, "values[2] of shape [2,3]"),
    ("join", {"values": [floats(2, 3, 5), scalar(1.0), floats(9, 3, 1)]}, "values[2] of shape [9"),
    ("join", {"values": [scalar(1.0)] * 3, "counts": ints(0, 0, 0)}, "has no last axis"),
    ("join_grad", {"of_joined": scalar(1.0)}, "of_joined of shape [] has no last axis"),
    ("join_grad", {"counts": ints(5, 1)}, "counts of shape [2] instead of [3]"),
    ("join_grad", {"counts": ints(5, -1, 2)}, "counts[1] is -1"),
    ("join_grad", {"counts": ints(5, 2, 1)}, "counts of 8 in all beside of_joined of shape [2,3,6"),
    ("present", {"value": scalar(1.0)}, "value of shape [] has no last axis"),
    ("present", {"on": ints(0, 1)}, "on of shape [2] instead of rank 0"),
    ("route", {"value": scalar(1.0)}, "value of shape [] has no last axis"),
    ("route", {"condition": np.array([], bool)}, "condition of shape [0] instead of rank 0"),
    ("either_grad", {"of_either": floats(1)}, "of_either of shape [1] instead of [2,3,5]"),
    ("sum_present", {"shape": ints()}, "shape is [], which has no last axis"),
    ("sum_present", {"shape": ints(2, 3, -7)}, "shape is [2,3,-7], which no tensor has"),
    ("sum_present", {"shape": scalar(7, np.int32)}, "shape of shape [] instead of rank 1"),
    ("sum_present", {"shape": ints(2, 3, 6)}, "of shape [2,3,7] in a sum of [2,3,6]"),
    ("sum_present", {"shape": ints(3, 2, 7)}, "of shape [2,3,5] in a sum of [3,2,7]"),
    ("sum_present", {"parts": [scalar(1.0)]}, "of shape [] in a sum of [2,3,7]"),
    ("sum_active", {"batch": scalar(-1, np.int32)}, "-1 entries along axis 0"),
    ("sum_active", {"batch": scalar(3, np.int32)}, "of shape [2,3,5] in a sum of [3,3,7]"),
    ("sum_active", {"width": ints(7)}, "width of shape [1] instead of rank 0"),
    ("sum_active", {"width": scalar(4, np.int32)}, "of shape [2,3,5] in a sum of [2,3,4]"),
    ("sum_active", {"outputs": [floats(2)]}, "outputs[0] of shape [2] instead of rank 2 or more"),
    ("sum_active_grad", {"of_sum": scalar(1.0)}, "of_sum of shape [] has no last axis"),
    ("sum_active_grad", {"shapes": [ints()]}, "shapes[0] is [], which has no last axis"),
    ("sum_active_grad", {"shapes": [ints(2, 3, 8)]}, "shapes[0] is [2,3,8] beside of_sum of shape"),
    ("sum_active_grad", {"shapes": [ints(3, 2, 7)]}, "shapes[0] is [3,2,7] beside of_sum of shape"),
    ("sum_active_grad", {"shapes": [ints(2, -3, 7)]}, "shapes[0] is [2,-3,7], which no tensor has"),
    ("read_slice", {"rows": ints(0, 4)}, "row 4 of variables[0], a variable of 4 rows"),
    ("read_slice", {"rows": ints(-1, 0)}, "row -1 of variables[0], a variable of 4 rows"),
    ("read_slice", {"rows": scalar(-3, np.int32)}, "rows is -3"),
    ("read_slice", {"rows": scalar(5, np.int32)}, "row 4 of variables[0], a variable of 4 rows"),
    ("read_slice", {"rows": ints(99), "columns": scalar(0, np.int32)}, "row 99 of variables[0]"),
    ("read_slice", {"rows": np.zeros((1, 1), np.int32)}, "rows of shape [1,1] instead of rank 0"),
    ("read_slice", {"columns": scalar(9, np.int32)}, "9 columns of variables that have 8"),
    ("read_slice", {"columns": scalar(-1, np.int32)}, "columns is -1"),
    ("read_slice", {"columns": ints(7)}, "columns of shape [1] instead of rank 0"),
    ("read_slice", {"rank": 1}, "a slice of rank 1 and 7 columns"),
    ("read_slice", {"rank": 3}, "rank is 3 instead of 1 or 2"),
    ("read_slice", {"variables": [Stored(scalar(1.0))]}, "variables[0] of shape [] instead of"),
    ("read_slice", {"variables": [Stored(floats(4, 7, 1))]}, "variables[0] of shape [4,7,1]"),
    ("read_slice", {"variables": [Stored(np.zeros((4, 7)))]}, "variables[0] holds double"),
    ("read_slice", {"variables": [Stored(floats(4, 7), False)]}, "variables[0]"),
    ("read_slice", {"variables": [Stored(floats(4, 5)), Stored(floats(2, 3))]}, "a variable of 2"),
    ("decay_rows", {"rows": np.array([0, 4])}, "row 4 of table, a variable of 4 rows"),
    ("decay_rows", {"rows": np.array([-1])}, "row -1 of table, a variable of 4 rows"),
    ("decay_rows", {"rows": np.array(1)}, "rows of shape [] instead of rank 1"),
    ("decay_rows", {"rate_sum": np.zeros(2)}, "rate_sum of shape [2] instead of rank 0"),
    ("decay_rows", {"epsilon": floats(1)}, "epsilon of shape [1] instead of rank 0"),
    ("decay_rows", {"table": Stored(floats(4))}, "table of shape [4] instead of rank 2"),
    ("decay_rows", {"table": Stored(np.zeros((4, 5)))}, "table"),
    ("decay_rows", {"accumulators": [Stored(floats(4, 4))]}, "accumulators[0] of shape [4,4]"),
    ("decay_rows", {"accumulators": [Stored(floats(4, 5))] * 2}, "2 accumulators instead"),
    ("decay_rows", {"settled": Stored(np.zeros(3))}, "settled of shape [3] instead of [4]"),
    ("decay_rows", {"settled": Stored(floats(4))}, "settled"),
    ("adagrad_slice", {"rows": ints(0, 4)}, "row 4 of variables[0], a variable of 4 rows"),
    ("adagrad_slice", {"rows": np.array([0, -(2**40)])}, "row -1099511627776 of variables[0]"),
    ("adagrad_slice", {"rows": ints(0)}, "gradient of shape [2,7] for 1 rows"),
    ("adagrad_slice", {"rows": scalar(0, np.int32)}, "gradient of shape [2,7] for 0 rows"),
    ("adagrad_slice", {"gradient": scalar(1.0)}, "gradient of shape [] for 2 rows"),
    ("adagrad_slice", {"gradient": floats(2, 9)}, "9 columns of variables that have 8"),
    ("adagrad_slice", {"rate": floats(0)}, "rate of shape [0] instead of rank 0"),
    ("adagrad_slice", {"epsilon": floats(2)}, "epsilon of shape [2] instead of rank 0"),
    ("adagrad_slice", {"scale": floats(1)}, "scale of shape [1] instead of rank 0"),
    (
        "adagrad_slice",
        {"accumulators": [Stored(floats(4, 4)), Stored(floats(4, 4))]},
        "accumulators[0] has not the shape [4,5] of variables[0]",
    ),
    (
        "adagrad_slice",
        {"accumulators": [Stored(floats(3, 5)), Stored(floats(3, 3))]},
        "row 3 of accumulators[0], a variable of 3 rows",
    ),
    ("adagrad_slice", {"accumulators": [Stored(np.zeros((4, 5)))] * 2}, "accumulators[0] holds d"),
    ("adagrad_slice", dict.fromkeys(["variables", "accumulators"], _stored(SIZES)), "[0] is var"),
]  # fmt: skip


def call(library, name, arguments, way="eager"):
    """Calls a kernel, and its gradient if it has one.

    Args:
        library: the kernels.
        name: which one.
        arguments: as in ``CALLS``; arrays stand for tensors.
        way: ``eager``; or in a graph, of ``constants``, known ``shapes``, or ``unknown`` ones.
    """
    made = {}  # A variable given twice is one variable.
    leaves = [
        made.setdefault(id(leaf), leaf.handle()) if isinstance(leaf, Stored) else leaf
        for leaf in tf.nest.flatten(arguments)
    ]
    arrays = [index for index, leaf in enumerate(leaves) if isinstance(leaf, np.ndarray)]

    def run(*tensors):
        given_leaves = [getattr(leaf, "handle", leaf) for leaf in leaves]
        for index, tensor in zip(arrays, tensors):
            given_leaves[index] = tensor
        packed = tf.nest.pack_sequence_as(arguments, given_leaves)
        with tf.GradientTape() as tape:
            watched = [tensor for tensor in tensors if tensor.dtype == tf.float32]
            tape.watch(watched)
            results = tf.nest.flatten(getattr(library, f"nasrec_{name}")(**packed))
        if name in DIFFERENTIABLE and watched:
            tape.gradient(results, watched)
        return [result for result in results if isinstance(result, tf.Tensor)]

    values = [leaves[index] for index in arrays]
    if way == "eager":
        results = run(*map(tf.constant, values))
    elif way == "constants":
        results = tf.function(lambda: run(*map(tf.constant, values)), autograph=False)()
    else:
        specs = [
            tf.TensorSpec(value.shape if way == "shapes" else None, value.dtype) for value in values
        ]
        results = tf.function(run, autograph=False, input_signature=specs)(*values)
    return [result.numpy() for result in results]


def make_wrong_calls(library):
    """Prints, for each of ``WRONG_CALLS``, its number and what it is told."""
    for number, (name, changes, _) in enumerate(WRONG_CALLS):
        print(json.dumps([number, None]), flush=True)
        try:
            call(library, name, CALLS[name](SIZES) | changes)
            told = "nothing"
        except (tf.errors.InvalidArgumentError, ValueError, TypeError) as error:
            told = str(error)
        print(json.dumps([number, told]), flush=True)


# Far beyond any memory; what is merely large is left out, since it might be granted.
HUGE = (2**45, 2**62)
NUMBERS = (-(2**31), -1, 0, 1, 2, 7, 2**31 - 1)
# Entries that a result of asked sizes may have, so that it fits beside other work.
MOST_ENTRIES = 10**6

SIZES_DRAWN = st.builds(
    Sizes,
    batch=st.sampled_from([0, 1, 2, 17]),
    tokens=st.sampled_from([0, 1, 2, 15, 16, 17, 33]),
    heads=st.integers(1, 3),
    head_size=st.sampled_from([1, 2, 3, 4, 8]),
    width=st.sampled_from([0, 1, 5, 8, 9, 24]),
    leading=st.lists(st.sampled_from([0, 1, 2, 5, 17]), min_size=1, max_size=3).map(tuple),
    rows=st.integers(1, 9),
)
DTYPES = st.sampled_from([np.float64, np.int32, np.int64, bool, np.float16])


@st.composite
def other_arrays(draw, array):
    """Another array: of another shape, type or value."""
    kinds = ["rank", "size", "size", "nothing", "huge", "type"]
    if array.dtype == np.int32 and array.size:
        kinds += ["value"] * 4
    kind = draw(st.sampled_from(kinds))
    shape = list(array.shape)
    if kind == "type":
        return array.astype(draw(DTYPES))
    if kind == "value":
        changed = array.copy()
        changed.flat[draw(st.integers(0, array.size - 1))] = draw(st.sampled_from(NUMBERS))
        return changed
    if kind == "rank" or not shape:
        rank = draw(st.integers(0, 4))
        shape = [*shape, 1, 1, 1, 1][:rank]
    else:
        axis = draw(st.integers(0, len(shape) - 1))
        sizes = st.integers(0, 20) if kind == "size" else st.just(0)
        shape[axis] = draw(sizes)
        if kind == "huge" and len(shape) > 1:
            other = draw(st.integers(0, len(shape) - 1).filter(lambda at: at != axis))
            shape = [0 if at == axis else min(size, 2) for at, size in enumerate(shape)]
            shape[other] = draw(st.sampled_from(HUGE))
    if np.prod([float(size) for size in shape]) > MOST_ENTRIES:
        shape = [min(size, 2) for size in shape]
    try:
        return np.resize(array, shape) if array.size else np.ones(shape, array.dtype)
    except ValueError:  # Of such sizes numpy has no array, not even an empty one.
        return np.zeros([0] * len(shape), array.dtype)


@st.composite
def others(draw, value):
    """Something else in place of an argument."""
    if isinstance(value, list):
        kind = draw(st.sampled_from(["entry", "entry", "entry", "fewer", "more", "none", "turned"]))
        if kind == "entry" and value:
            at = draw(st.integers(0, len(value) - 1))
            return [*value[:at], draw(others(value[at])), *value[at + 1 :]]
        changed = {"fewer": value[1:], "more": value + value[:1], "none": []}
        return changed.get(kind, value[::-1])
    if isinstance(value, Stored):
        has_value = draw(st.sampled_from([True, True, True, False]))
        return Stored(draw(other_arrays(value.value)), has_value)
    if isinstance(value, np.ndarray):
        return draw(other_arrays(value))
    if isinstance(value, float):
        return draw(st.sampled_from([float("nan"), -1.0, 0.0, 1e38]))
    return draw(st.sampled_from([*NUMBERS, 3, 2**62]))


@st.composite
def drawn_calls(draw):
    """A kernel, arguments that are right or wrong in up to two places, and the way to call it."""
    name = draw(st.sampled_from(sorted(CALLS)))
    arguments = CALLS[name](draw(SIZES_DRAWN))
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2]))):
        changed = draw(st.sampled_from(sorted(arguments)))
        arguments[changed] = draw(others(arguments[changed]))
    if "accumulators" in arguments and draw(st.integers(0, 9)) == 0:
        arguments["accumulators"] = arguments["variables"]
    way = draw(st.sampled_from(["eager", "eager", "constants", "shapes", "unknown"]))
    return name, arguments, way


def asks_too_much(name, arguments):
    """Whether a right answer would be large: of sizes, or of copies, that the caller names.

    For memory that is not there TensorFlow waits ten seconds before it says so.
    """
    if name == "sum_active":
        first = arguments["outputs"][0].shape if arguments["outputs"] else ()
        sizes = [*np.ravel(arguments["batch"]), *first[1:-1], *np.ravel(arguments["width"])]
    elif name == "sum_rows":
        sizes = arguments["x"].shape[-1:]
    elif name == "interaction":
        sizes = arguments["tokens"].shape[:2]
    elif name == "sum_present":
        sizes = np.ravel(arguments["shape"])
    elif name in ("aliases", "join_grad"):
        sizes = [arguments["N"]]
    else:
        return False
    return MOST_ENTRIES < np.prod([float(size) for size in sizes])


def fuzz(library, examples, number, current):
    """Makes drawn calls and counts their ends; whatever is neither result nor error is raised.

    Args:
        library: the kernels.
        examples: how many calls.
        number: seed of what is drawn.
        current: the file that tells the call which is being made.
    """
    ends = collections.defaultdict(collections.Counter)

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(drawn_calls())
    def make(drawn):
        name, arguments, way = drawn
        if asks_too_much(name, arguments):
            return
        current.write_text(f"{name}, {way}: {described(arguments)}\n")
        try:
            call(library, name, arguments, way)
            ends[name]["result"] += 1
        except (tf.errors.OpError, ValueError, TypeError, OverflowError) as error:
            assert not isinstance(error, (tf.errors.InternalError, tf.errors.UnknownError)), error
            ends[name]["error"] += 1

    make()
    print(json.dumps({name: {"result": 0, "error": 0} | counts for name, counts in ends.items()}))


def described(value):
    """Arguments, by their shapes and, where they are few whole numbers, values."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {described(each)}" for name, each in value.items())
    if isinstance(value, list):
        return "[" + ", ".join(map(described, value)) + "]"
    if isinstance(value, Stored):
        return f"variable {described(value.value)}" + ("" if value.has_value else " unset")
    if isinstance(value, np.ndarray):
        is_short = value.dtype.kind == "i" and 0 < value.size < 9
        values = f"={value.tolist()}" if is_short else ""
        return f"{value.dtype}{list(value.shape)}{values}"
    return repr(value)


def main():
    faulthandler.enable()
    tf.get_logger().setLevel("ERROR")
    library = native.kernels()
    assert library is not None
    command, *rest = sys.argv[1:]
    if command == "wrong":
        make_wrong_calls(library)
    else:
        examples, number, current = rest
        fuzz(library, int(examples), int(number), pathlib.Path(current))


if __name__ == "__main__":
    main()
