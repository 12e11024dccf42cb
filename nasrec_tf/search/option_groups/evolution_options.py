"""What proposes candidates, and what scores them."""

import dataclasses

from nasrec_tf.search.options import EVOLUTION, MOST_STEPS, option
from nasrec_tf.strategies.known_strategies import STRATEGIES
from nasrec_tf.strategies.search_settings import MAX_TRIALS
from nasrec_tf.strategies.strategy import SUPERNET as SUPERNET_SCORES
from nasrec_tf.strategies.strategy import TRAINING
from nasrec_tf.training.recipe import LEAST_RATE, MOST_RATE

SCORERS = (SUPERNET_SCORES, TRAINING)


@dataclasses.dataclass(frozen=True)
class EvolutionOptions:
    """What proposes candidates, and what scores them."""

    strategy: str = option(
        "evolution", EVOLUTION, "what proposes candidates: regularized evolution, random search, "
        "hill climbing (local), a model's predictions (predicted), AutoCTR's search, its hybrid "
        "with the supernet's scores, or logits learnt with the supernet (docs/strategies.md)",
        choices=STRATEGIES, registry=STRATEGIES.__contains__,
    )  # fmt: skip
    strategy_options: str | None = option(
        None, EVOLUTION, "settings of the strategy's own, such as start=32,pool=200 "
        "(docs/strategies.md)",
    )  # fmt: skip
    candidates: int | None = option(
        None, EVOLUTION, "candidates of the search, in place of --generations (those of evolution: "
        "population + children x generations)", least=1, most=MAX_TRIALS,
    )  # fmt: skip
    score_by: str = option(
        SUPERNET_SCORES, EVOLUTION, "what scores a candidate: the supernet's weights, or a short "
        "training from scratch", choices=SCORERS, reader="supernet",
    )  # fmt: skip
    score_rows: int | None = option(
        None, EVOLUTION, "rows that each candidate is trained on with --score-by training (100,000,"
        " or the training split if it is smaller; more than that pass over it again)", least=1,
    )  # fmt: skip
    score_budget: int | None = option(
        None, EVOLUTION, "rows that the whole search may train on with --score-by training, in "
        "place of --candidates", least=1,
    )  # fmt: skip
    population: int | None = option(None, EVOLUTION, "architectures alive (128)", least=1)
    tournament: int | None = option(None, EVOLUTION, "of them compete to be parent (64)", least=1)
    children: int | None = option(None, EVOLUTION, "children of each generation (8)", least=1)
    generations: int | None = option(None, EVOLUTION, "generations (240)", least=1)
    mutation: str = option(
        "block", EVOLUTION, "mutate a whole block (the paper) or single fields, fewer and fewer "
        "(the authors' code)", choices=("block", "annealed"),
    )  # fmt: skip
    fine_tune_steps: int | None = option(
        None, EVOLUTION, "steps that tune a candidate's last layer (500); 0 for none", least=0,
        most=MOST_STEPS,
    )  # fmt: skip
    fine_tune_learning_rate: float = option(
        0.04, EVOLUTION, "peak learning rate of these steps", least=LEAST_RATE, most=MOST_RATE
    )
    validation_rows: int | None = option(
        None, EVOLUTION, "rows that a score is taken over (819,200)", least=1
    )
    validation_sample: int | None = option(
        None, EVOLUTION, "take it over so many of these rows, drawn by how much they tell "
        "candidates apart (default: over all of them; see docs/scaling.md)", least=1,
    )  # fmt: skip
    rescore: int | None = option(
        None, EVOLUTION, "the best of them are scored again, so many, by longer scores that decide "
        "which are trained from scratch (default: none; see docs/scaling.md)", least=1,
        most=MAX_TRIALS, reader="rescore",
    )  # fmt: skip
    rescore_steps: int | None = option(
        None, EVOLUTION, "steps that tune their last layer with --rescore (500)", least=0,
        most=MOST_STEPS, reader="rescore",
    )  # fmt: skip
    rescore_rows: int | None = option(
        None, EVOLUTION, "validation rows that their scores are taken over with --rescore "
        "(819,200)", least=1, reader="rescore",
    )  # fmt: skip
