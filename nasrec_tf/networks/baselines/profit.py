"""PROFIT: sums of products of different fields, read by an MLP (Gao et al. 2021)."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Annotated, Any

import pydantic

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.lazy import tf
from nasrec_tf.common.strict_json import shown
from nasrec_tf.data.features import Features
from nasrec_tf.networks.baselines.baseline import (
    EMBEDDING,
    DeepBaseline,
    DenseFields,
    Width,
)
from nasrec_tf.networks.baselines.pieces import Piece
from nasrec_tf.operators.base import SPARSE, Prefix, WeightSpec
from nasrec_tf.operators.work import DigitalStep

ORDER, RANK = 3, 4
"""Highest order and rank unless given: ours, since PROFIT's are not told."""

MOST_ORDER = 10

TOKEN = "token"
"""Name of the vector that all dense fields together are mapped to."""

INTERACTION = "interaction"
"""The piece of the products."""

Order = Annotated[int, pydantic.Field(ge=2, le=MOST_ORDER)]
Products = Annotated[tuple[str, ...], pydantic.Field(max_length=100_000)]

FIELD = re.compile(r"token|[IC][1-9][0-9]{0,5}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Profit(DeepBaseline):
    """An MLP that reads all fields and a sum of elementwise products of different fields' vectors.

    f = sum over orders k = 2..K, over all k different fields, of alpha e_i1 * ... * e_ik

    is a vector of the embedding's width beside the fields' own in what the MLP reads. It has two
    forms:

    - ``products`` names those whose alpha is 1, and all others are 0: what a search has kept, to be
      trained from scratch, ``products = ["C1 C4", "C1 C2 C7"]``.
    - Without it alpha of each order is a sum of ``rank`` terms, each the product of trained numbers
      of the fields (a symmetric CP form): what ``python -m nasrec_tf.study products`` searches
      through. All products of an order are summed by a recurrence, at a cost that grows with rank x
      fields x embedding x order and not with their number.

    Only products of different fields are in either; the power of a sum, as the CP form is written
    in short, has those of a field with itself as well. Of dense fields those with vectors take
    part. Orders above the number of vectors have no products.

    Neither orders, ranks nor any size of PROFIT is known here; the defaults are ours.

    Args:
        products: fields of each product, by their places: dense columns with vectors (``I1``,
            ``I2``, ...), sparse fields (``C1``, ...), or the ``token`` of all dense fields.
        order: the highest one, without ``products``; 3 unless given.
        rank: terms of each order, without ``products``; 4 unless given.

    Reference: Gao, Li, Yao et al., Progressive Feature Interaction Search for Deep Sparse
    Network, NeurIPS 2021.

    Example:
        >>> Profit(products=("C3 C1 C2", "C2 I1")).products
        ('I1 C2', 'C1 C2 C3')
    """

    name = "profit"
    label = "PROFIT"

    dense_fields: DenseFields = "raw"
    products: Products = ()
    order: Order | None = None
    rank: Width | None = None

    def __post_init__(self):
        super().__post_init__()
        if not self.products:
            object.__setattr__(self, "order", self.order or ORDER)
            object.__setattr__(self, "rank", self.rank or RANK)
            return
        for option in ("order", "rank"):
            if getattr(self, option) is not None:
                raise UserError(
                    f"{self.name}: option {option!r} has no meaning beside 'products', which are "
                    f"of the orders that they are (received: {getattr(self, option)})"
                )
        read = sorted(map(_read, self.products), key=lambda names: (len(names), _places(names)))
        # One way of writing, so that equal models are equal.
        object.__setattr__(self, "products", tuple(map(" ".join, read)))
        for product, following in zip(self.products, self.products[1:]):
            if product == following:
                raise UserError(f"{self.name}: option 'products' has {shown(product)} twice.")

    def vector_names(self, features: Features) -> tuple[str, ...]:
        """What the vectors of a sample are called in ``products``, in their order.

        Args:
            features: what the network reads.
        """
        dense = {
            "vectors": [f"I{number}" for number in range(1, features.dense + 1)],
            "raw": [],
            "token": [TOKEN] * min(features.dense, 1),
        }[self.dense_fields]
        return (*dense, *(f"C{number}" for number in range(1, features.sparse + 1)))

    def pieces(self, features):
        pieces: dict[str, Piece] = {"vectors": self.vector_piece(features)}
        interaction = self._interaction(self.vector_names(features))
        width = self.flat_width(features)
        if interaction is not None:
            pieces[INTERACTION] = interaction
            width += self.embedding_dim
        return pieces | {"deep": self.tower(width, self.hidden)}

    def _interaction(self, names: Sequence[str]) -> Piece | None:
        """The piece of the products; ``None`` where there are not two vectors."""
        if not self.products:
            highest = min(self.order or ORDER, len(names))
            if highest < 2:
                return None
            return FactoredProducts(
                len(names), self.embedding_dim, highest, self.rank or RANK, self.initializer
            )
        place = {name: number for number, name in enumerate(names)}
        for product in self.products:
            for name in product.split():
                if name not in place:
                    raise UserError(
                        f"{self.name}: option 'products' names {name} in {shown(product)}, which "
                        f"has no vector here (there are {_shortened(names)})"
                    )
        places = (tuple(place[name] for name in each.split()) for each in self.products)
        return KeptProducts(tuple(places), self.embedding_dim)

    def logit(self, values, run):
        vectors = run["vectors"](values.dense, values.embedded[EMBEDDING])
        flat = self.flat(values.dense, vectors)
        if INTERACTION in run:
            flat = tf.concat([flat, run[INTERACTION](vectors)], axis=1)
        return run["deep"](flat)


@dataclasses.dataclass(frozen=True)
class FactoredProducts(Piece):
    """All products of 2 to ``order`` different vectors, weighed by a symmetric CP form, summed.

    A product of the vectors i1 < ... < ik weighs sum_r beta_(r, i1) ... beta_(r, ik), so that the
    sum of all is sum_r E_k(beta_(r, 1) e_1, ..., beta_(r, n) e_n), E_k being the elementary
    symmetric polynomial: field by field, each is multiplied by the sum of all products of one
    order less of the fields before it (Blondel et al., Polynomial Networks and Factorization
    Machines, 2016). Nothing is subtracted, so that nothing cancels.

    Input shape: (batch, count, embedding). Output shape: (batch, embedding).

    Args:
        count: of vectors, at least ``order``.
        embedding: width of a vector.
        order: the highest one.
        rank: terms of each order.
        initializer: of beta.

    Example:
        >>> [spec.name for spec in FactoredProducts(5, 4, 3, 2, "glorot_uniform").weights()]
        ['order_2', 'order_3']
    """

    count: int
    embedding: int
    order: int
    rank: int
    initializer: str

    def weights(self):
        shape = (Prefix(self.rank), Prefix(self.count))
        return tuple(
            WeightSpec(factors_name(order), shape, self.initializer)
            for order in range(2, self.order + 1)
        )

    def work(self):
        numbers = self.rank * self.count * self.embedding
        return tuple(
            DigitalStep(
                factors_name(order),
                (SPARSE,),
                additions=order * numbers,
                multiplications=order * numbers,
            )
            for order in range(2, self.order + 1)
        )

    def __call__(self, vectors, *, weights):
        # Field by field: a running sum along the axis of fields takes eight times as long.
        fields = tf.unstack(vectors[:, None], axis=2)
        sums = []
        for order in range(2, self.order + 1):
            factors = tf.unstack(weights[factors_name(order)][:, :, None], axis=1)
            scaled = [factor * field for factor, field in zip(factors, fields)]
            sums.append(tf.reduce_sum(_elementary(scaled, order), axis=1))
        return tf.add_n(sums)


@dataclasses.dataclass(frozen=True)
class KeptProducts(Piece):
    """The sum of some elementwise products of vectors.

    Input shape: (batch, vectors, embedding). Output shape: (batch, embedding).

    Args:
        places: numbers of the vectors of each product, from 0; products of one order stand
            together.
        embedding: width of a vector.
    """

    places: tuple[tuple[int, ...], ...]
    embedding: int

    def work(self):
        factors = sum(map(len, self.places))
        return (
            DigitalStep(
                "products",
                (SPARSE,),
                additions=(len(self.places) - 1) * self.embedding,
                multiplications=(factors - len(self.places)) * self.embedding,
            ),
        )

    def __call__(self, vectors, *, weights):
        sums = []
        for order in sorted(set(map(len, self.places))):
            first, *others = zip(*(each for each in self.places if len(each) == order))
            products = tf.gather(vectors, first, axis=1)
            for other in others:
                products *= tf.gather(vectors, other, axis=1)
            sums.append(tf.reduce_sum(products, axis=1))
        return tf.add_n(sums)


def _elementary(terms: Sequence[Any], order: int) -> Any:
    """The elementary symmetric polynomial: the sum of all products of so many different terms."""
    sums = [terms[0]]  # Of 1, 2, ... different ones of the terms so far.
    for term in terms[1:]:
        products = [term, *(term * less for less in sums[: order - 1])]
        sums = [before + more for before, more in zip(sums, products)] + products[len(sums) :]
    return sums[order - 1]


def factors_name(order: int) -> str:
    """Name of the weight that holds beta of an order, (rank, vectors).

    Args:
        order: of the products.
    """
    return f"order_{order}"


def _read(product: str) -> list[str]:
    """The fields of a product, in their order."""
    names = product.split()
    if not 2 <= len(names) <= MOST_ORDER or not all(map(FIELD.fullmatch, names)):
        raise UserError(
            f"profit: option 'products' has products of 2 to {MOST_ORDER} fields such as 'C1 C4' "
            f"or 'I2 C1 C7' (received: {shown(product)})"
        )
    if len(set(names)) < len(names):
        raise UserError(
            f"profit: option 'products' has products of different fields (received: "
            f"{shown(product)})"
        )
    return sorted(names, key=_place)


def _places(names: Sequence[str]) -> list[tuple[int, int]]:
    return [_place(name) for name in names]


def _place(name: str) -> tuple[int, int]:
    """Where a field stands: what is dense first."""
    return (0, 0) if name == TOKEN else (" IC".index(name[0]), int(name[1:]))


def _shortened(names: Sequence[str]) -> str:
    return f"{names[0]} to {names[-1]}" if names else "none"
