"""PROFIT's search: which products of fields are worth keeping, one order after the other.

The relaxed network of each order is trained by turns with what the products of that order weigh;
what lower orders weigh is fixed by then, and the weights go on from the order before. In the end
the products that weigh most are kept, and the weights thrown away.
"""

import dataclasses
import math
import pathlib
import time
from typing import Any

import numpy as np

from nasrec_tf.benchmark.table_build import TimeIsUp
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.saved_state import SAVED, read_state, write_state
from nasrec_tf.common.time_spent import time_spent
from nasrec_tf.networks.baselines.profit import Profit
from nasrec_tf.networks.baselines.ranked_products import heaviest_products, product_count
from nasrec_tf.search.from_scratch import begin, build
from nasrec_tf.search.options import flag
from nasrec_tf.search.run import Run
from nasrec_tf.search.scoring_settings import recipe_and_data
from nasrec_tf.search.trainable import HandMade
from nasrec_tf.search.training_task import WEIGHTS, clear_checkpoint, make_ready
from nasrec_tf.studies.own_directory import own_directory
from nasrec_tf.training.recipe import Recipe

SETTINGS_FILE, FOUND_FILE = "products.json", "found.json"

TOLD = 5
"""Products of an order that are told on the screen."""


@dataclasses.dataclass(frozen=True)
class ProductOptions:
    """What a search for products is told.

    Args:
        model: a ``Profit`` without products: its order is the highest that is searched.
        keep: products of each order that are kept in the end.
        epochs: passes over the training split for each order.
        rate: learning rate of what products weigh.
        seed: of initial weights and of the order of rows.

    Raises:
        UserError: if a value cannot be used; the message names the option.

    Example:
        >>> ProductOptions(keep=0)
        Traceback (most recent call last):
        nasrec_tf.common.errors.UserError: --keep must be at least 1. Received: 0
    """

    model: Profit = Profit()
    keep: int = 10
    epochs: int = 1
    rate: float = 0.01
    seed: int = 0

    def __post_init__(self):
        for name, least in (("keep", 1), ("epochs", 1), ("seed", 0)):
            value = getattr(self, name)
            if value < least:
                raise UserError(f"{flag(name)} must be at least {least}. Received: {value}")
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise UserError(f"--rate must be a positive, finite number. Received: {self.rate}")
        if self.model.products:
            raise UserError("--model: has `products` already; leave them out to search for them.")

    @property
    def orders(self) -> range:
        """That are searched, in turn."""
        return range(2, self.model.order + 1)


@dataclasses.dataclass(frozen=True)
class OrderResult:
    """What the search of an order came to.

    Args:
        factors: what its products weigh, as a CP form: (rank, vectors), as nested lists.
        log_loss: of the relaxed network on validation rows.
        seconds: wall time over all calls that went on with it.
    """

    __pydantic_config__ = SAVED

    factors: list[list[float]]
    log_loss: float
    seconds: float


@dataclasses.dataclass(frozen=True)
class FoundProducts:
    """What is kept of an order.

    Args:
        order: of the products.
        log_loss: of the relaxed network up to this order on validation rows.
        products: as ``Profit`` takes them, with what each weighs, the heaviest first.
        seconds: that the order took.
    """

    order: int
    log_loss: float
    products: list[tuple[str, float]]
    seconds: float


@dataclasses.dataclass(frozen=True)
class ProductSearch:
    """A search for products of fields.

    Args:
        run: a finished run of the data, whose recipe trains the network.
        directory: where the search is kept.
        options: what it is told.
        ends_at: time by ``time.monotonic`` at which training ends.
    """

    run: Run
    directory: pathlib.Path
    options: ProductOptions
    ends_at: float = math.inf

    @property
    def recipe(self) -> Recipe:
        """Of the search: the run's, for so many passes."""
        return self.run.recipe.replace(epochs=self.options.epochs)

    @property
    def vectors(self) -> tuple[str, ...]:
        """What products are made of."""
        return self.options.model.vector_names(self.run.records.features)

    def check(self) -> None:
        """Finds out whether the log has what is asked for.

        Raises:
            UserError: if not, or the run's recipe does not suit the model.
        """
        HandMade(self.options.model).check(self.recipe)
        self.recipe.check_unwatched("a search of products")
        vectors, order = len(self.vectors), self.options.model.order
        if order > vectors:
            raise UserError(
                f"--order {order}: {self.run.dataset} has {vectors} fields with vectors, so that "
                f"there are no products of {order} different ones."
            )
        for each in self.options.orders:
            try:
                there = product_count(vectors, each)
            except UserError as error:
                raise UserError(f"--order {order}: {error}") from None
            if self.options.keep > there:
                raise UserError(
                    f"--keep {self.options.keep}: {vectors} fields have {there} products of order "
                    f"{each}; keep no more of them."
                )

    def __call__(self) -> list[FoundProducts]:
        """Goes on from what is there; what is kept of each order.

        Raises:
            TimeIsUp: if there was no time for all.
            DivergedError: if the relaxed network diverges with the run's recipe.
            RunError: if what is there is of another search, or damaged.
        """
        options = self.options
        own = {flag(name): getattr(options, name) for name in ("epochs", "rate", "seed")}
        # A higher order adds to what is there, and how many are kept is asked for in the end.
        model = {k: value for k, value in options.model.to_json().items() if k != "order"}
        own |= {"--rank" if name == "rank" else f"--model: {name}": model[name] for name in model}
        settings = own | recipe_and_data(self.run, self.recipe)
        with own_directory(self.directory, SETTINGS_FILE, settings):
            found = [self._kept(order, self._searched(order)) for order in self.options.orders]
            return self._saved(found)

    def _saved(self, found: list[FoundProducts]) -> list[FoundProducts]:
        """What is kept, and the model of it beside."""
        products = tuple(name for each in found for name, _ in each.products)
        kept = self.options.model.replace(order=None, rank=None, products=products)
        kept.save(self.directory / FOUND_FILE)
        return found

    def _kept(self, order: int, result: OrderResult) -> FoundProducts:
        heaviest = heaviest_products(np.array(result.factors), order, self.options.keep)
        names = self.vectors
        products = [(" ".join(names[place] for place in each), w) for each, w in heaviest]
        return FoundProducts(order, result.log_loss, products, result.seconds)

    def _searched(self, order: int) -> OrderResult:
        """The result of an order, trained unless it is there."""
        path = self.directory / f"order-{order}.json"
        result = read_state(path, OrderResult, f"delete {self.directory} to search again")
        if result is not None:
            return result
        if time.monotonic() >= self.ends_at:
            raise TimeIsUp
        result = self._trained(order)
        write_state(path, result)
        clear_checkpoint(self._stage(order))
        # The next order goes on from these weights; tables are large, and those before are done.
        (self._stage(order - 1) / WEIGHTS).unlink(missing_ok=True)
        kept = self._kept(order, result)
        told = ", ".join(self.told(name) for name, _ in kept.products[:TOLD])
        self.run.say(f"order {order}: validation log loss {result.log_loss:.5f}: {told}")
        return result

    def _trained(self, order: int) -> OrderResult:
        from nasrec_tf.data.records import derived_seed
        from nasrec_tf.networks.baselines.profit import INTERACTION, factors_name
        from nasrec_tf.networks.weights import save_weights
        from nasrec_tf.training.divergence import require_finite_weights
        from nasrec_tf.training.evaluation import Predictor, mean_log_loss
        from nasrec_tf.training.loop import train_with
        from nasrec_tf.training.product_training import ProductTrainer, hold_factors
        from nasrec_tf.training.training_plan import TrainingPlan

        directory, seed = self._stage(order), self.options.seed
        records = self.run.records
        plan = TrainingPlan(
            self.recipe,
            seed=derived_seed(seed, f"rows of order {order}"),
            learning_rate_option="--retrain-learning-rates",
        )
        make_ready(directory)
        model = HandMade(self.options.model.replace(order=order))
        network = build(self.run, model, self.recipe, derived_seed(seed, "products"))
        begin(network, directory, None if order == 2 else lambda made: self._go_on(made, order))
        hold_factors(network)
        plan.compile(network, records)
        steps = plan.steps(records)
        with (
            time_spent(directory) as spent,
            self.run.progress(f"order {order}", steps, "step") as bar,
        ):
            train_with(
                ProductTrainer(network, order, self.options.rate),
                records,
                plan,
                directory,
                bar,
                checkpoint_seconds=self.run.config.checkpoint_seconds,
                stop=lambda: time.monotonic() >= self.ends_at,
            )
        if int(network.optimizer.iterations.numpy()) < steps:
            raise TimeIsUp
        require_finite_weights(network, plan.mend)
        labels, logits = Predictor(network, records)(
            "validation", self.run.settings.validation_rows
        )
        weights = records.weights("validation", self.run.settings.validation_rows)
        save_weights(network, directory / WEIGHTS)
        factors = network.parts[INTERACTION].variables_by_name[factors_name(order)].numpy()
        loss = float(mean_log_loss(labels, logits, weights))
        return OrderResult(factors.tolist(), loss, spent())

    def _go_on(self, network: Any, order: int) -> None:
        """Gives a network the weights of the order before; those of its own order are new."""
        from nasrec_tf.networks.baselines.profit import INTERACTION, factors_name
        from nasrec_tf.networks.weights import read_weights, taken_by

        new = f"{INTERACTION}/{factors_name(order)}"
        wanted = {
            name: taken_by(variable)
            for name, variable in network.named_weights().items()
            if name != new
        }
        path = self._stage(order - 1) / WEIGHTS
        read_weights(path, wanted, f"delete {self.directory} to search again")

    def _stage(self, order: int) -> pathlib.Path:
        return self.directory / f"order-{order}"

    def told(self, product: str) -> str:
        """A product by the names that the log's fields have.

        Args:
            product: as ``Profit`` takes it.
        """
        schema = self.run.schema
        names = []
        for field in product.split():
            columns = {"I": schema.dense_names, "C": schema.sparse_names}.get(field[0])
            names.append(field if columns is None else columns[int(field[1:]) - 1])
        return " x ".join(names)
