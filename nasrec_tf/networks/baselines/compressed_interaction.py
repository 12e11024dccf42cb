"""xDeepFM's compressed interaction network (Lian et al. 2018), computed by as few products as give
its function.
"""

import dataclasses
import functools
from typing import Any

import numpy as np

from nasrec_tf.common.lazy import tf
from nasrec_tf.networks.baselines.pieces import Piece, activate, linear_weights
from nasrec_tf.operators.base import SPARSE
from nasrec_tf.operators.work import DigitalStep, LinearMap, Step


@dataclasses.dataclass(frozen=True)
class InteractionLayer:
    """One layer's sizes.

    Args:
        number: from 1.
        read: rows of the layer before that it reads; fields, of the first.
        rows: its own.
        pooled: of these, the last so many that reach the output.
    """

    number: int
    read: int
    rows: int
    pooled: int

    @property
    def name(self) -> str:
        """What its weights' names begin with."""
        return f"layer_{self.number}"


@dataclasses.dataclass(frozen=True)
class CompressedInteraction(Piece):
    """Rows that are weighted sums of elementwise products of a field's vector and an earlier row.

    X^k[o] = sum over fields h and rows m of W_k[h, m, o] * X^0[h] * X^(k-1)[m] + b_k[o], each row
    as wide as a vector; the output is a weighted sum of all rows' sums over the embedding.

    What it costs is counted as published, by every row of every layer. Less is computed: of the
    first layer each product of two fields once, and where there is no activation rows of the last
    two layers are never made. What a row below them counts in the output is a polynomial of the
    fields then, of coefficients that follow from the weights alone, once for a batch
    (``_last_layers``). Of a batch that is too small for that, rows of the last layer alone are left
    out.

    Input shape: (batch, vectors, embedding). Output shape: (batch, 1).

    Args:
        vectors: of a sample.
        embedding: width of a vector.
        rows: of each layer.
        activation: of layers.
        split: whether half of a layer's rows go on and the other half are pooled.
        bias: whether rows and output have biases.
        initializer: of the kernels.
    """

    vectors: int
    embedding: int
    rows: tuple[int, ...]
    activation: str
    split: bool
    bias: bool
    initializer: str

    def _layers(self) -> list[InteractionLayer]:
        layers = []
        read = self.vectors
        for number, rows in enumerate(self.rows, start=1):
            # Of split rows the first half goes on.
            kept = rows // 2 if self.split and number < len(self.rows) else rows
            layers.append(InteractionLayer(number, read, rows, kept))
            read = kept
        return layers

    def _pooled(self) -> int:
        return sum(layer.pooled for layer in self._layers())

    def weights(self):
        specs = [
            linear_weights(
                layer.name, self.vectors * layer.read, layer.rows, self.initializer, self.bias
            )
            for layer in self._layers()
        ]
        specs.append(linear_weights("output", self._pooled(), 1, self.initializer, self.bias))
        return tuple(spec for pair in specs for spec in pair)

    def work(self):
        steps: list[Step] = []
        for layer in self._layers():
            count = self.vectors * layer.read
            products = DigitalStep(
                f"{layer.name}_products",
                (SPARSE, *steps[-1:]),
                multiplications=count * self.embedding,
            )
            functions = 0 if self.activation == "identity" else layer.rows * self.embedding
            steps += [
                products,
                LinearMap(
                    layer.name, (products,), count, layer.rows, self.embedding, functions=functions
                ),
            ]
        pooled = DigitalStep(
            "pooled", tuple(steps[1::2]), additions=self._pooled() * (self.embedding - 1)
        )
        return (*steps, pooled, LinearMap("output", (pooled,), self._pooled(), 1))

    def __call__(self, vectors, *, weights):
        # (vectors, places), a place being one number of a sample's vectors: the same is done at
        # all of them, and what is taken, multiplied and joined is whole rows of memory.
        fields = tf.reshape(tf.transpose(vectors, [1, 0, 2]), [self.vectors, -1])
        at_places = self._outputs(fields, weights)
        output = tf.reduce_sum(tf.reshape(at_places, [-1, self.embedding]), axis=1, keepdims=True)
        return output + weights["output_bias"] if self.bias else output

    def _outputs(self, fields, weights):
        """What each place adds to the output, without its bias: (places,)."""
        layers = len(self.rows)
        if self.activation != "identity":
            return self._made_up_to(layers, fields, weights)
        if layers == 1:
            return self._made_up_to(0, fields, weights)
        few, many = (
            functools.partial(self._made_up_to, made, fields, weights)
            for made in (layers - 1, layers - 2)
        )
        # Coefficients cost as much as rows at so many places; a single request has fewer.
        places = fields.shape[1]
        if places is None:
            return tf.cond(tf.shape(fields)[1] < self.vectors, few, many)
        return few() if places < self.vectors else many()

    def _made_up_to(self, made, fields, weights):
        """As ``_outputs``, by the rows of so many layers."""
        layers, shares = self._layers(), self._shares(weights)
        pairs = products_of_pairs(fields)
        rows, outputs = fields, []
        for layer in layers[:made]:
            rows = self._rows(layer, fields, pairs, rows[: layer.read], weights)
            if layer.number < made or made == len(layers):
                outputs.append(tf.matmul(shares[layer.number], rows, transpose_a=True)[0])
        if made < len(layers):
            # With them the share of the last rows that are made.
            outputs += self._last_layers(layers[made:], fields, pairs, rows, shares, weights)
        return tf.add_n(outputs)

    def _shares(self, weights):
        """How much each row of a layer counts in the output, (rows, 1), by the layer's number.

        Rows that only go on count nothing; so do the fields, as layer 0.
        """
        layers = self._layers()
        pooled = tf.split(weights["output_kernel"], [layer.pooled for layer in layers])
        shares = {0: tf.zeros([self.vectors, 1])}
        for layer, share in zip(layers, pooled):
            shares[layer.number] = tf.pad(share, [[layer.rows - layer.pooled, 0], [0, 0]])
        return shares

    def _rows(self, layer, fields, pairs, read, weights):
        """A layer's rows: (rows, places)."""
        kernel = weights[f"{layer.name}_kernel"]
        if layer.number == 1:  # Both factors are the fields: each product of two is there twice.
            kernel = folded(tf.reshape(kernel, [self.vectors, self.vectors, layer.rows]))
            rows = tf.matmul(kernel, pairs, transpose_a=True)
        else:  # With the places first, where the matrix product is faster.
            products = tf.transpose(fields)[:, :, None] * tf.transpose(read)[:, None]
            products = tf.reshape(products, [-1, self.vectors * layer.read])
            rows = tf.transpose(tf.matmul(products, kernel))
        if self.bias:
            rows += weights[f"{layer.name}_bias"][:, None]
        return activate(rows, self.activation)

    def _last_layers(self, layers, fields, pairs, rows, shares, weights):
        """What the last one or two layers and the rows below them add: terms, (places,) each.

        Where x is a place's fields, a row m below counts as a polynomial of x in the output: its
        own share, and sum_h x_h sum_o W[h, m, o] times what row o above counts.

        Args:
            layers: the last ones.
            fields: (vectors, places).
            pairs: their products, (pairs, places).
            rows: those below, (rows, places).
            shares: as ``_shares`` has them.
            weights: by name.
        """
        *lower, last = layers
        share = shares[last.number]
        of_last = tf.reshape(
            tf.matmul(weights[f"{last.name}_kernel"], share), [self.vectors, last.read]
        )
        constant = tf.reduce_sum(weights[f"{last.name}_bias"] * share[:, 0]) if self.bias else 0.0
        if not lower:
            of_last = _widened(of_last, rows.shape[0])
            counts = shares[last.number - 1] + tf.matmul(of_last, fields, transpose_a=True)
            return [tf.reduce_sum(counts * rows, axis=0) + constant]
        [layer] = lower
        # (1 + vectors, rows): the coefficients of 1 and of each field.
        affine = tf.concat(
            [tf.transpose(shares[layer.number]), _widened(of_last, layer.rows)], axis=0
        )
        counts = tf.matmul(
            self._coefficients(layer, affine, shares[layer.number - 1], weights),
            tf.concat([tf.ones_like(fields[:1]), fields, pairs], axis=0),
            transpose_a=True,
        )
        terms = [tf.reduce_sum(counts * rows, axis=0)]
        if self.bias:
            of_bias = tf.linalg.matvec(affine, weights[f"{layer.name}_bias"])
            terms.append(tf.linalg.matvec(fields, of_bias[1:], transpose_a=True))
            terms[0] += of_bias[0] + constant
        return terms

    def _coefficients(self, layer, affine, share, weights):
        """Of what rows below a layer count: (1 + vectors + pairs, rows below).

        Args:
            layer: the layer.
            affine: coefficients of what its rows count, (1 + vectors, rows).
            share: of the rows below, (rows below, 1).
            weights: by name.
        """
        mixed = tf.matmul(weights[f"{layer.name}_kernel"], affine, transpose_b=True)
        mixed = tf.reshape(mixed, [self.vectors, layer.read, 1 + self.vectors])
        linear, squares = tf.split(tf.transpose(mixed, [0, 2, 1]), [1, self.vectors], axis=1)
        higher = tf.concat([linear[:, 0], folded(squares)], axis=0)
        return tf.concat([tf.transpose(share), _widened(higher, share.shape[0])], axis=0)


def products_of_pairs(x: Any) -> Any:
    """Products of every two rows, of a row with itself too: (pairs, places).

    Pairs are those of the upper triangle, row by row.

    Args:
        x: (rows, places).

    Example:
        >>> products_of_pairs(tf.constant([[2.0], [3.0]]))[:, 0].numpy().tolist()
        [4.0, 6.0, 9.0]
    """
    first, second, pair_of = _pairs(x.shape[0])

    @tf.custom_gradient
    def products(x):
        def gradient(upstream):
            # By gathers alone: scattering is slow, and adds in an order of its own on a GPU.
            others = tf.reshape(tf.gather(upstream, pair_of.ravel()), [*pair_of.shape, -1])
            itself = tf.gather(upstream, pair_of.diagonal())
            return tf.reduce_sum(others * x, axis=1) + itself * x

        return tf.gather(x, first) * tf.gather(x, second), gradient

    return products(x)


def folded(kernel: Any) -> Any:
    """Weights of the products of every two, for ``products_of_pairs``: (pairs, columns).

    Args:
        kernel: (rows, rows, columns).

    Example:
        >>> folded(tf.constant([[[1.0], [2.0]], [[4.0], [8.0]]]))[:, 0].numpy().tolist()
        [1.0, 6.0, 8.0]
    """
    count, _, columns = kernel.shape
    first, second, pair_of = _pairs(count)
    halves = np.where(first == second, np.float32(0.5), np.float32(1.0))[:, None]

    @tf.custom_gradient
    def fold(kernel):
        flat = tf.reshape(kernel, [count * count, columns])
        both = tf.gather(flat, first * count + second) + tf.gather(flat, second * count + first)
        return both * halves, lambda upstream: tf.gather(upstream, pair_of)

    return fold(kernel)


def _pairs(count):
    """The two rows of each pair, and the pair of any two rows: (count, count)."""
    first, second = (each.astype(np.int32) for each in np.triu_indices(count))
    pair_of = np.zeros((count, count), np.int32)
    pair_of[first, second] = pair_of[second, first] = np.arange(len(first))
    return first, second, pair_of


def _widened(x, columns):
    """``x`` with columns of zeros behind its own."""
    return tf.pad(x, [[0, 0], [0, columns - x.shape[1]]])
