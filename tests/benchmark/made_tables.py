"""Tables whose figures are made up, for what does not need trainings."""

import numpy as np

from nasrec_tf.architecture.space import NASREC_FULL
from nasrec_tf.benchmark.architecture_stream import ArchitectureStream
from nasrec_tf.benchmark.measured_rows import CurvePoint, DataSetCard, MeasuredRow
from nasrec_tf.benchmark.measured_table import MeasuredTable
from nasrec_tf.search.trainable import SpaceModel
from nasrec_tf.training.recipe import Recipe

SPACE = NASREC_FULL.replace(num_blocks=2, dense_widths=(8, 16), sparse_widths=(4, 8))
CARD = DataSetCard(
    name="made",
    source="made up",
    licence="none needed",
    digest="0" * 16,
    rows={"train": 800, "validation": 100, "test": 100},
    label_rates={"train": 0.25, "validation": 0.25, "test": 0.25},
    dense=3,
    table_rows=(10, 20),
    constant_log_loss=0.6,
    best_log_loss=None,
    recipe=Recipe(batch_size=64, epochs=1),
    space=SPACE,
)
MADE_WITH = "1" * 16


def row(architecture, loss, seed=1, number=None):
    """A row of a log loss; of a training that diverged if there is none."""
    curve = () if loss is None else (CurvePoint(12, loss, 0.7, loss + 0.01, 0.69),)
    model = SpaceModel(architecture)
    cost = model.complexity(CARD.features, CARD.recipe)
    return MeasuredRow(
        CARD.protocol, model.dumps(), architecture.identity, seed, curve, cost.mflops,
        cost.parameters, cost.embedding_parameters, 1.0, 1.0, MADE_WITH,
        None if number is None else 0, number,
    )  # fmt: skip


def worth(architecture):
    """A log loss that follows from an architecture: operators of a kind help, and so do sources."""
    blocks = architecture.blocks
    good = sum("dot_product" in block.dense_operators for block in blocks)
    return 0.5 - 0.02 * good - 0.005 * sum(len(block.dense_sources) for block in blocks)


def made_table(count=60, noise=0.001, seeds=2):
    """A table of random architectures whose log losses have noise between seeds."""
    stream, rng = ArchitectureStream(SPACE, 0), np.random.default_rng(0)
    rows = {}
    for place in range(count):
        # Numbers of generations drawn at random alone.
        number = 64 * (place // 32) + place % 32
        architecture = stream.at_random(number)
        for seed in range(1, seeds + 1):
            made = row(architecture, worth(architecture) + noise * rng.normal(), seed, number)
            rows[made.key] = made
    return MeasuredTable({CARD.protocol: CARD}, {MADE_WITH: {"numpy": "2"}}, rows)
