"""DCN-V2, the second deep and cross network (Wang et al. 2021)."""

import dataclasses
from typing import Literal

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.lazy import tf
from nasrec_tf.networks.baselines.baseline import EMBEDDING, Count, DeepBaseline, Width
from nasrec_tf.networks.baselines.pieces import Piece, Tower, linear_weights
from nasrec_tf.operators import arithmetic
from nasrec_tf.operators.base import SPARSE, Prefix, WeightSpec
from nasrec_tf.operators.work import DigitalStep, LinearMap, Step


@dataclasses.dataclass(frozen=True, kw_only=True)
class DCNV2(DeepBaseline):
    """Cross layers x_(l+1) = x_0 * (W x_l + b) + x_l, beside or below an MLP.

    Args:
        structure: ``"parallel"``: one linear map reads the last cross layer and the MLP's last
            hidden layer. ``"stacked"``: the MLP reads the last cross layer. ``"both"``: one MLP
            each way. ``"cross"``: cross layers alone.
        cross_layers: how many.
        rank: of W, as a product of two matrices; full unless given.
        experts: low-rank maps of a layer, mixed by a softmax gate, with a map of ``rank`` units
            between two hyperbolic tangents in each; 0 for a plain product of two matrices.
        hidden: of the MLP, all of them hidden layers.
        stacked_hidden: of the MLP above the cross layers where there is one each way.

    Reference: Wang et al., DCN V2, 2021 (arXiv 2008.13535), Eq. 1-4. Gates are shared by all
    layers, as in FuxiCTR.
    """

    name = "dcnv2"
    label = "DCN-V2"
    presets = {
        "bars": {
            "hidden": (400, 400, 400),
            "cross_layers": 4,
            "batch_norm": True,
            "dropout": 0.4,
            "embedding_dim": 10,
            "initializer": "glorot_normal",
            "embedding_deviation": 1e-4,
        },
    }

    structure: Literal["parallel", "stacked", "both", "cross"] = "parallel"
    cross_layers: Count = 3
    rank: Width | None = None
    experts: int = 0
    stacked_hidden: tuple[Width, ...] = (400, 400, 400)

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.experts <= 1000:
            raise UserError(
                f"dcnv2: option 'experts' must be from 0 to 1000 (received: {self.experts})"
            )
        if self.experts and self.rank is None:
            raise UserError(
                f"dcnv2: option 'experts' needs a 'rank' of its maps (received: {self.experts})"
            )
        for option in ("hidden", "stacked_hidden"):
            if not getattr(self, option):
                raise UserError(f"dcnv2: option {option!r} must name a layer (received: ())")

    def pieces(self, features):
        flat = self.flat_width(features)
        pieces: dict[str, Piece] = {
            "vectors": self.vector_piece(features),
            "cross": CrossNetwork(
                flat, self.cross_layers, self.rank, self.experts, self.initializer
            ),
        }
        width = 0
        if self.structure in ("stacked", "both"):
            hidden = self.stacked_hidden if self.structure == "both" else self.hidden
            pieces["stacked"] = self.tower(flat, hidden, output=None)
            width += hidden[-1]
        else:
            width += flat
        if self.structure in ("parallel", "both"):
            pieces["parallel"] = self.tower(flat, self.hidden, output=None)
            width += self.hidden[-1]
        pieces["head"] = Tower(inputs=width, hidden=(), output=1, initializer=self.initializer)
        return pieces

    def logit(self, values, run):
        vectors = run["vectors"](values.dense, values.embedded[EMBEDDING])
        flat = self.flat(values.dense, vectors)
        crossed = run["cross"](flat)
        read = [run["stacked"](crossed) if "stacked" in run else crossed]
        if "parallel" in run:
            read.append(run["parallel"](flat))
        return run["head"](tf.concat(read, axis=1))


@dataclasses.dataclass(frozen=True)
class CrossNetwork(Piece):
    """Cross layers, each of which multiplies the input by a linear map of the layer before.

    Input and output shape: (batch, width).

    Args:
        width: of the input.
        layers: how many.
        rank: of a layer's map; full unless given.
        experts: low-rank maps of a layer; 0 for one without a gate.
        initializer: of the kernels.
    """

    width: int
    layers: int
    rank: int | None
    experts: int
    initializer: str

    def _names(self) -> list[str]:
        return [f"layer_{number}" for number in range(1, self.layers + 1)]

    def weights(self):
        specs: list[WeightSpec] = []
        for name in self._names():
            inner = (self.rank or 0) * max(self.experts, 1)
            rows = self.width
            if self.rank is not None:
                specs += linear_weights(f"{name}_down", rows, inner, self.initializer, bias=False)
                rows = inner
            if self.experts:
                specs += linear_weights(
                    f"{name}_middle", inner, self.rank or 0, self.initializer, bias=False
                )
            specs += linear_weights(name, rows, self.width, self.initializer)
        if self.experts:
            gates = (Prefix(self.width), Prefix(self.experts))
            specs.append(WeightSpec("gates_kernel", gates, self.initializer))
        return tuple(specs)

    def work(self):
        steps: list[Step] = []
        for name in self._names():
            steps += self._layer_work(name, steps[-1] if steps else SPARSE)
        return tuple(steps)

    def _layer_work(self, name, source):
        width, rank, experts = self.width, self.rank, self.experts
        steps: list[Step] = []
        read = (source,)
        if rank is not None:
            inner = rank * max(experts, 1)
            steps.append(
                LinearMap(f"{name}_down", read, width, inner, functions=inner if experts else 0)
            )
            read = (steps[-1],)
        if experts:
            steps.append(
                LinearMap(f"{name}_middle", read, rank, rank, experts, functions=rank * experts)
            )
            steps.append(LinearMap("gates", (source,), width, experts, functions=experts))
            mixed = DigitalStep(f"{name}_mixed", tuple(steps[-2:]), multiplications=rank * experts)
            steps.append(mixed)
            read = (mixed,)
        rows = width if rank is None else rank * max(experts, 1)
        steps.append(LinearMap(name, read, rows, width))
        crossed = DigitalStep(
            f"{name}_crossed", (steps[-1], source), additions=width, multiplications=width
        )
        return [*steps, crossed]

    def __call__(self, first, *, weights):
        x = first
        for name in self._names():
            read = x
            if self.rank is not None:
                read = arithmetic.linear(x, weights, f"{name}_down")
            if self.experts:
                read = self._mixed(x, read, weights, name)
            x = first * arithmetic.linear(read, weights, name) + x
        return x

    def _mixed(self, x, low, weights, name):
        """What the experts make of the input, each times its gate: (batch, experts x rank).

        Gates sum to 1, so that one map of all and one bias are the mixture of the experts' own.
        """
        by_expert = [-1, self.experts, self.rank]
        middle = tf.reshape(weights[f"{name}_middle_kernel"], by_expert[1:] + [self.rank])
        inner = tf.tanh(tf.reshape(low, by_expert))
        inner = tf.tanh(tf.einsum("ber,ers->bes", inner, middle))
        gates = tf.nn.softmax(arithmetic.linear(x, weights, "gates"))
        return tf.reshape(inner * gates[:, :, None], [-1, self.experts * self.rank])
