"""Pruning by lottery tickets: trainings from scratch, between which weights go (paper 6.2).

Training 0 has all weights. After each a ticket is drawn, which the next begins with; the last one
is followed by none. Tickets and figures are kept by iteration, so that a stop loses the part of a
training after its last checkpoint.
"""

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

from nasrec_tf.architecture.shapes import network_shapes
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.networks.pruning.prune_settings import RANDOM, UNITS, PruneSettings
from nasrec_tf.operators.work import LinearMap
from nasrec_tf.search.from_scratch import load_trained, train_from_scratch
from nasrec_tf.search.masked_model import MaskedModel
from nasrec_tf.search.option_groups.recipe_options import LOWER_RATES
from nasrec_tf.search.results import PrunedTraining
from nasrec_tf.search.run import Run
from nasrec_tf.search.trainable import SpaceModel
from nasrec_tf.search.training_task import WEIGHTS, FromScratch, clear_checkpoint
from nasrec_tf.training.recipe import Recipe

FIGURES = "figures.json"

Told = Callable[[int, Any], None]


@dataclasses.dataclass(frozen=True)
class TicketTrainings:
    """The trainings of one network between its prunings.

    Args:
        run: the run.
        model: the architecture, with all units.
        recipe: how it is trained; complete.
        settings: how it is pruned.
        directory: where tickets and trainings are kept.
        purpose: of the trainings; initial weights and order of rows are drawn for it.
        judge: called with the iteration and each trained network before its weights go.
        keeps_weights: whether those of the last training stay.
    """

    run: Run
    model: SpaceModel
    recipe: Recipe
    settings: PruneSettings
    directory: pathlib.Path
    purpose: str = "prune"
    judge: Told | None = None
    keeps_weights: bool = True

    def __call__(self) -> tuple[PrunedTraining, ...]:
        """Goes on from what is there; the figures of all trainings.

        Raises:
            UserError: if one diverges, or there is nothing to prune.
            RunError: if what is there is damaged.
        """
        return tuple(self.training(iteration) for iteration in range(self.settings.iterations + 1))

    def trained(self) -> Any:
        """The network of the last training, a ``MaskedSubnet``."""
        last = self.settings.iterations
        return load_trained(self.run, self._model(last), self._place(last), self.recipe)

    def training(self, iteration: int) -> PrunedTraining:
        """The training after so many prunings, made now or before; those before it are there.

        Args:
            iteration: from 0.

        Raises:
            UserError: if the training diverged.
        """
        place = self._place(iteration)
        mend = f"delete {place} to train it again"
        found = read_state(place / FIGURES, PrunedTraining, mend)
        if found is not None and self._is_settled(iteration):
            self._clear(iteration)
            return found
        model = self._model(iteration)
        what = FromScratch(
            model, self.recipe, place, purpose=self._purpose(iteration), again="train it again"
        )
        title = f"pruning {iteration}/{self.settings.iterations}"
        trained = train_from_scratch(self.run, what, title)
        if trained.validation is None:
            raise UserError(f"{place}: the training diverged; {LOWER_RATES}.")
        from nasrec_tf.networks.pruning.tickets import share_left

        network = load_trained(self.run, model, place, self.recipe)
        if self.judge is not None:
            self.judge(iteration, network)
        found = PrunedTraining(
            iteration=iteration,
            left=share_left(network.ticket),
            mflops=effective_mflops(self.run, self.model, self.recipe, network),
            validation=trained.validation,
            seconds=trained.seconds,
        )
        write_state(place / FIGURES, found)
        if iteration < self.settings.iterations:
            self._draw_ticket(iteration + 1, network)
        self._clear(iteration)
        self.run.say(
            f"{title}: {found.left:.1%} left, {found.mflops:.4f} M multiply-accumulates, "
            f"validation log loss {found.validation.log_loss:.5f}"
        )
        return found

    def _draw_ticket(self, iteration: int, network: Any) -> None:
        from nasrec_tf.data.records import derived_seed
        from nasrec_tf.networks.pruning.tickets import next_ticket, save_ticket

        seed = self.recipe.seed_or(self.run.config.seed)
        scores = network.scores(derived_seed(seed, f"{self.purpose} {RANDOM} {iteration}"))
        ticket = next_ticket(network.ticket, scores, self.settings, iteration)
        save_ticket(ticket, self._ticket_file(iteration))

    def _clear(self, iteration: int) -> None:
        """Full tables are large: of all trainings but the last only the figures stay."""
        if iteration < self.settings.iterations or not self.keeps_weights:
            (self._place(iteration) / WEIGHTS).unlink(missing_ok=True)
        clear_checkpoint(self._place(iteration))

    def _is_settled(self, iteration: int) -> bool:
        """Whether nothing is left to do of a training whose figures are there."""
        if iteration < self.settings.iterations:
            return self._ticket_file(iteration + 1).exists()
        return not self.keeps_weights or (self._place(iteration) / WEIGHTS).exists()

    def _model(self, iteration: int) -> MaskedModel:
        from nasrec_tf.networks.pruning.tickets import load_ticket, pruned_matrices, whole_ticket

        options = self.run.recipe_options(self.recipe)
        matrices = pruned_matrices(
            self.model.architecture, self.run.features, options, self.settings
        )
        ticket = whole_ticket(matrices, self.settings)
        if iteration:
            mend = f"delete {self.directory} to prune again"
            ticket = load_ticket(self._ticket_file(iteration), ticket, mend)
        return MaskedModel(self.model.architecture, self.settings, ticket)

    def _purpose(self, iteration: int) -> str:
        return self.purpose if self.settings.rewind else f"{self.purpose} {iteration}"

    def _place(self, iteration: int) -> pathlib.Path:
        return self.directory / f"training-{iteration}"

    def _ticket_file(self, iteration: int) -> pathlib.Path:
        return self.directory / f"ticket-{iteration}.npz"


def effective_mflops(run: Run, model: SpaceModel, recipe: Recipe, network: Any) -> float:
    """Millions of multiply-accumulates per sample with a ticket.

    Of units those that the smaller network executes. Of elements those without the weights that
    are 0, which only hardware saves that skips them: a dense product takes them all.

    Args:
        run: the run.
        model: the architecture, with all units.
        recipe: how it is trained.
        network: a ``MaskedSubnet``.
    """
    from nasrec_tf.networks.pruning.masked_subnet import left_architecture

    if network.settings.what == UNITS:
        return run.model_cost(SpaceModel(left_architecture(network)), recipe).mflops
    shapes = network_shapes(
        model.architecture, run.features.dense, run.features.sparse, run.recipe_options(recipe)
    )
    skipped = 0
    for each in network.matrices:
        left = network.ticket[each.path]
        steps = shapes.blocks[each.block - 1].steps(each.part)
        positions = next(
            step.positions
            for step in steps
            if isinstance(step, LinearMap) and step.name == each.name
        )
        skipped += positions * (left.size - int(left.sum()))
    return run.model_cost(model, recipe).mflops - skipped / 1e6
