"""The supernet as the paper defines it, by masks: every tensor at full width (Eq. 1 to 4).

Plain NumPy in double precision, written from the paper's definitions and apart from
``nasrec_tf.operators``. It reads a ``Supernet``'s weights, runs every operator of a path at its
widest, and multiplies with zeros what the path leaves out: slow, and easy to check by eye.
"""

import numpy as np

EPSILON = 1e-5


class MaskedSupernet:
    """Logits of architectures, with the weights that the supernet has at construction.

    Dense tensors are (batch, unit), sparse ones (batch, token, embedding).
    """

    def __init__(self, supernet):
        self.space = supernet.space
        self.features = supernet.features
        self.options = supernet.options
        self.table = supernet.embedding.table.numpy().astype(float)
        self.weights = {
            name: {weight: _whole(part, weight) for weight in part.specs}
            for name, part in supernet.parts.items()
        }

    def __call__(self, inputs, architecture):
        """Logits: (batch, 1)."""
        starts = np.cumsum((0, *self.features.table_rows[:-1]))
        sparse = [self.table[inputs["sparse"] + starts]]
        dense = [self._dense_source_0(inputs["dense"], sparse[0], architecture)]
        widths = [self.features.dense]
        if architecture.dense_embeddings:
            widths = [dense[0].shape[1]]
        tokens = [(self.features.sparse,)]
        for number, block in enumerate(architecture.blocks, start=1):
            run = _Block(self, number, block, dense, sparse, widths, tokens)
            dense_output, sparse_output = run.outputs()
            dense.append(dense_output)
            sparse.append(sparse_output)
            widths.append(run.width)
            tokens.append(run.output_tokens)
        head = self.weights["head"]
        flat = sparse[-1].reshape(len(sparse[-1]), -1)
        return np.concatenate([dense[-1], flat], 1) @ head["head_kernel"] + head["head_bias"]

    def _dense_source_0(self, columns, embeddings, architecture):
        """The raw dense columns, then the embeddings field by field, masked on other paths."""
        if self.space.dense_embeddings == "never":
            return columns.astype(float)
        flat = embeddings.reshape(len(embeddings), -1) * architecture.dense_embeddings
        return np.concatenate([columns, flat], axis=1)


class _Block:
    """One block of a path over a batch."""

    def __init__(self, supernet, number, block, dense, sparse, widths, tokens):
        self.supernet = supernet
        self.options = supernet.options
        self.embedding = supernet.options.embedding_dim
        self.number = number
        self.block = block
        self.widths = widths
        self.dense_sources = dense
        # Eq. 1 and 2: a source that is not connected counts as zero.
        self.dense = np.concatenate(
            [value * (source in block.dense_sources) for source, value in enumerate(dense)], 1
        )
        self.sparse = np.concatenate(
            [value * (source in block.sparse_sources) for source, value in enumerate(sparse)], 1
        )
        self.active_units = np.concatenate(
            [
                _prefix(value.shape[1], width * (source in block.dense_sources))
                for source, (value, width) in enumerate(zip(dense, widths))
            ]
        )
        self.active_tokens = np.concatenate(
            [
                self._token_mask(slots, source in block.sparse_sources)
                for source, slots in enumerate(tokens)
            ]
        )
        self.width = max(block.dense_operators.values())
        self.tokens = max(block.sparse_operators.values())
        merged = self.options.merged_tokens * block.dense_to_sparse
        self.output_tokens = (self.tokens, merged)

    def _token_mask(self, slots, is_read):
        if len(slots) == 1:
            return _prefix(slots[0], slots[0] * is_read)
        space = self.supernet.space
        most = (space.sparse_widths[-1], self.options.merged_tokens * space.mergers)
        return np.concatenate([_prefix(m, slot * is_read) for m, slot in zip(most, slots)])

    def outputs(self):
        """Eq. 3 with the mask of Eq. 4, then both mergers."""
        dense = sum(
            _mask(getattr(self, name)(width, self._weights(name)), width)
            for name, width in self.block.dense_operators.items()
        )
        tokens = sum(
            np.swapaxes(_mask(np.swapaxes(output, 1, 2), width), 1, 2)
            for output, width in (
                (getattr(self, name)(width, self._weights(name)), width)
                for name, width in self.block.sparse_operators.items()
            )
        )
        if not self.supernet.space.mergers:
            return dense, tokens
        merged = self._merged_tokens(dense) * self.block.dense_to_sparse
        interaction = self._factorization_machine(tokens, dense.shape[1])
        dense = dense + interaction * self.block.sparse_to_dense
        return dense, np.concatenate([tokens, merged], axis=1)

    def _weights(self, name):
        return self.supernet.weights[f"block_{self.number}_{name}"]

    # Operators.

    def fc(self, width, weights):
        return np.maximum(_project(self.dense, weights, "dense", width), 0)

    def sum(self, width, weights):
        left, right, padded = self._pair()
        return self._pair_output(left + right, padded, width, weights)

    def sigmoid_gating(self, width, weights):
        left, right, padded = self._pair()
        gate = left @ weights["gate_kernel"] + weights["gate_bias"]
        return self._pair_output(right / (1 + np.exp(-gate)), padded, width, weights)

    def _pair(self):
        """Both sources, zero-padded to the widest that any source may have."""
        block = self.block
        sides = [self.dense_sources[s] for s in (block.left_source, block.right_source)]
        most = max(value.shape[1] for value in self.dense_sources)
        left, right = (np.pad(x, [(0, 0), (0, most - x.shape[1])]) for x in sides)
        return left, right, max(self.widths[block.left_source], self.widths[block.right_source])

    def _pair_output(self, values, padded, width, weights):
        if padded == width:
            values = _fit(values, weights["output_kernel"].shape[1])
        else:
            values = values @ weights["output_kernel"] + weights.get("output_bias", 0)
        return _norm_if_any(values, weights, "norm", width)

    def dot_product(self, width, weights):
        if self.active_units.sum() == self.embedding:
            token = self.dense[:, self.active_units]
        else:
            token = _project(self.dense, weights, "dense", self.embedding)
        tokens, active = self._balanced_tokens(width, weights)
        x = np.concatenate([token[:, None], tokens], axis=1)
        active = np.concatenate([[True], active])
        later, earlier = np.tril_indices(x.shape[1], -1)
        pairs = (x @ np.swapaxes(x, 1, 2))[:, later, earlier]
        active_pairs = active[later] & active[earlier]
        if active_pairs.sum() == width:
            output = _fit(pairs[:, active_pairs], weights["output_kernel"].shape[1])
        else:
            output = pairs @ weights["output_kernel"] + weights.get("output_bias", 0)
        return _norm_if_any(output, weights, "norm", width)

    def _balanced_tokens(self, width, weights):
        """Tokens of the dot product, and which of them the path has (paper 4.2)."""
        if not self.options.operator_balancing:
            return self.sparse, self.active_tokens
        kept = round((2 * width) ** 0.5)
        most = weights["tokens_kernel"].shape[1]
        if self.active_tokens.sum() == kept:
            present = np.swapaxes(self.sparse[:, self.active_tokens], 1, 2)
            tokens = _fit(present, most)
        else:
            tokens = _mask(self._project_tokens(weights, kept), kept)
        return np.swapaxes(tokens, 1, 2), _prefix(most, kept)

    def efc(self, width, weights):
        return np.swapaxes(np.maximum(self._project_tokens(weights, width), 0), 1, 2)

    def attention(self, width, weights):
        x = np.swapaxes(_mask(self._project_tokens(weights, width), width), 1, 2)
        packed = x @ weights["query_key_value_kernel"] + weights["query_key_value_bias"]
        query, key, value = np.split(packed, 3, axis=2)
        size = self.embedding // self.options.attention_heads
        present = _prefix(x.shape[1], width)
        heads = []
        for start in range(0, self.embedding, size):
            part = slice(start, start + size)
            scores = query[..., part] @ np.swapaxes(key[..., part], 1, 2) / np.sqrt(size)
            scores = np.where(present, scores, -np.inf)
            shares = np.exp(scores - scores.max(axis=2, keepdims=True))
            shares /= shares.sum(axis=2, keepdims=True)
            heads.append(shares @ value[..., part])
        attended = _linear(np.concatenate(heads, axis=2), weights, "attended")
        x = _norm_if_any(x + attended, weights, "attended_norm", self.embedding)
        hidden = np.maximum(_linear(x, weights, "hidden"), 0)
        x = x + _linear(hidden, weights, "output")
        return _norm_if_any(x, weights, "output_norm", self.embedding)

    def _project_tokens(self, weights, width):
        """(batch, embedding, token): the token axis mapped at every embedding position."""
        return _project(np.swapaxes(self.sparse, 1, 2), weights, "tokens", width)

    # Mergers.

    def _merged_tokens(self, dense):
        count = self.options.merged_tokens
        flat = dense[:, : count * self.embedding]
        if self.width != count * self.embedding:
            weights = self._weights("dense_to_sparse")
            flat = _project(dense, weights, "tokens", count * self.embedding)
        return flat.reshape(len(dense), count, self.embedding)

    def _factorization_machine(self, tokens, most):
        interaction = tokens.sum(axis=1) ** 2 - (tokens**2).sum(axis=1)
        if self.width == self.embedding:
            return _fit(interaction, most)
        weights = self._weights("sparse_to_dense")
        return _mask(_project(interaction, weights, "interaction", self.width), self.width)


def _whole(part, weight):
    """A weight at its widest; one without entries has no variable."""
    arrays = [variable.numpy().astype(float) for _, variable in part.groups[weight]]
    return np.concatenate(arrays, -1) if arrays else np.zeros(part.specs[weight].shape)


def _prefix(size, active):
    return np.arange(size) < active


def _mask(values, width):
    """Eq. 4 over the last axis."""
    return values * _prefix(values.shape[-1], width)


def _fit(values, size):
    """The last axis cut or zero-padded to ``size``."""
    values = values[..., :size]
    missing = size - values.shape[-1]
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)])


def _linear(values, weights, name):
    return values @ weights[f"{name}_kernel"] + weights.get(f"{name}_bias", 0)


def _project(values, weights, name, width):
    return _norm_if_any(_linear(values, weights, name), weights, f"{name}_norm", width)


def _norm_if_any(values, weights, name, width):
    """Layer norm whose statistics are over the first ``width`` units."""
    if f"{name}_scale" not in weights:
        return values
    active = _prefix(values.shape[-1], width)
    mean = (values * active).sum(-1, keepdims=True) / width
    variance = ((values - mean) ** 2 * active).sum(-1, keepdims=True) / width
    normalised = (values - mean) / np.sqrt(variance + EPSILON)
    return normalised * weights[f"{name}_scale"] + weights[f"{name}_offset"]
