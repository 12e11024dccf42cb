"""Choosing a recipe by short trainings: one question after the other, halving who is left.

What a network is worth depends more on how it is trained than on much of its shape, and the best
way depends on the data (docs/recipes.md).
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.recipe_questions import MIXED, OTHER, SIMPLE, Question

FEW_VALIDATION_ROWS = 10_000
"""Validation rows below which each replica is judged by others, if the split is a random one: of
1,000 rows of the Criteo head the standard error of a recipe's gain is as large as what the best one
gains."""

FEW_TO_REPEAT = 2_000
"""Validation rows below which no network is trained again with other decays, of which the lowest
loss would be so by chance. On 3,000 rows of the generated log that gains 0.006, on test as well."""

MOST_REPLICAS = 4
"""Seeds with which a value is tried, at most."""

LEAST_GAIN = 0.01
"""Of a single training: the share of the log loss that must be gained. Seeds alone make about so
much of a difference on Frappe (docs/recipes.md)."""

Measure = Callable[[Question, Recipe, int], "Outcome"]
"""Trains by a recipe for a question on a replica, from 0."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a short training came to.

    Args:
        loss: best validation log loss, in nats; infinity if the training diverged.
        passes: passes over the training split that it took.
        row_losses: log losses of which ``loss`` is the mean, (validation rows,), such as
            ``parts_of_mean`` gives; ``None`` where they are not known, or so many that their mean
            is as good as certain.
        has_learnt: whether the model tells rows apart at all.
    """

    loss: float
    passes: float
    row_losses: np.ndarray | None = None
    has_learnt: bool = True


@dataclasses.dataclass
class RecipeChoice:
    """The choice of a recipe within a budget of passes over the training split.

    The same outcomes give the same questions and the same choice, so that a choice that was
    stopped goes on by asking again for what has been measured.

    Args:
        measure: trains and evaluates.
        budget: passes over the training split that all trainings may take together.
        replicas: seeds that there are to try a value with.
        is_over: whether there is no time for further trainings.
        ways_out: by which the model may learn, should it learn nothing by whatever the first
            question tries: recipes to begin with, and the field that tells each, in order.
        has_other: whether there is another plain network. It is tried by what the first question
            has found; where it is better, it is what is tried from there on.

    Attributes:
        spent: passes so far.
        unasked: fields that the budget left unasked.
        unfinished: fields of which it left values untried, or tried with fewer seeds than others.
    """

    measure: Measure
    budget: float
    replicas: int = MOST_REPLICAS
    is_over: Callable[[], bool] = lambda: False
    ways_out: Sequence[tuple[str, Recipe]] = ()
    has_other: bool = False
    spent: float = 0.0
    unasked: list[str] = dataclasses.field(default_factory=list)
    unfinished: list[str] = dataclasses.field(default_factory=list)

    def __call__(self, start: Recipe, asked: Sequence[Question]) -> Recipe:
        """The recipe that was best.

        Args:
            start: to begin with; complete.
            asked: the questions, in order.
        """
        recipe = start
        replicas = self._affordable(start, asked)
        known: dict[tuple[str, Recipe, int], Outcome] = {}
        if not asked:
            return recipe
        first, *others = asked
        recipe = self._answer(first, recipe, replicas, known)
        recipe = self._way_out(first, recipe, replicas, known)
        takes_other = self.has_other and self._is_other_better(first, recipe, known)
        if takes_other:
            first = dataclasses.replace(first, judge=OTHER)
            recipe = self._answer(first, recipe, replicas, known)
        for question in others:
            if takes_other and question.judge == SIMPLE:
                question = dataclasses.replace(question, judge=OTHER)
            recipe = self._answer(question, recipe, replicas, known)
        return recipe

    def _is_other_better(self, question, recipe, known) -> bool:
        """Whether the other plain network comes to less by a recipe, with as many seeds."""
        seeds = [seed for judge, tried, seed in known if (judge, tried) == (question.judge, recipe)]
        of_this = [known[question.judge, recipe, seed] for seed in seeds]
        asked = dataclasses.replace(question, judge=OTHER)
        tried = [self._outcome(asked, recipe, seed, known) for seed in seeds]
        of_other = [outcome for outcome in tried if outcome is not None]
        if not seeds or len(of_other) < len(seeds):
            return False
        return _mean_loss(of_other) < _mean_loss(of_this)

    def _way_out(self, question, recipe, replicas, known) -> Recipe:
        """The first question's answer from where the model learns, if it has learnt nothing."""
        if not known or any(outcome.has_learnt for outcome in known.values()):
            return recipe
        best, least = recipe, min(outcome.loss for outcome in known.values())
        for field, other in self.ways_out:
            outcome = self._outcome(Question(field, (), question.judge), other, 0, known)
            if outcome is None:
                break
            if outcome.loss < least:
                best, least = other, outcome.loss
            if outcome.has_learnt:
                break
        return recipe if best is recipe else self._answer(question, best, replicas, known)

    def _affordable(self, start: Recipe, asked: Sequence[Question]) -> int:
        """Replicas with which the first two questions take no more than half the budget."""
        trials = 1 + sum(len(question.values) for question in asked[:2])
        passes = trials * (start.epochs or 1)
        return max(1, min(self.replicas, int(self.budget / 2 / passes)))

    def _answer(self, question, recipe, replicas, known) -> Recipe:
        """The recipe with the best value, of those that the question asks for one after another."""
        taken = self._taken(question, recipe, replicas, known)
        if taken is None:
            self.unasked.append(question.field)
            return recipe
        while taken != recipe:
            recipe, further = taken, question.beyond(getattr(taken, question.field))
            if further is not None:
                question = further
                taken = self._taken(question, recipe, replicas, known) or recipe
        return recipe

    def _taken(self, question, recipe, replicas, known) -> Recipe | None:
        """The recipe with the best value; the old one unless another is better beyond chance.

        Of many operators the best mean counts as it is. Where the budget ends on the way, those
        values are compared that have been tried, with as many seeds each; ``None`` if that is one.
        """
        contenders = [recipe, *question.others(recipe)]
        found: dict[Recipe, list[Outcome]] = {contender: [] for contender in contenders}
        is_cut = False
        for replica in range(replicas):
            outcomes = self._round(question, contenders, replica, known)
            is_cut = len(outcomes) < len(contenders)
            if replica == 0 or not is_cut:  # Means are of as many seeds each.
                for contender, outcome in outcomes.items():
                    found[contender].append(outcome)
            if is_cut:
                break
            contenders = _better_half(contenders, found, keep=recipe)
        tried = [contender for contender in contenders if found[contender]]
        if len(tried) < 2:
            return None
        if is_cut:
            self.unfinished.append(question.field)
        best = min(tried, key=lambda contender: _mean_loss(found[contender]))
        # What many operators need to train at all counts for more than a standard error says.
        counts = question.judge == MIXED or _is_better(found[best], found[recipe])
        return best if counts else recipe

    def _round(self, question, contenders, replica, known) -> dict[Recipe, Outcome]:
        """What contenders come to on a replica, as far as the budget reaches."""
        outcomes: dict[Recipe, Outcome] = {}
        for contender in contenders:
            outcome = self._outcome(question, contender, replica, known)
            if outcome is None:
                break
            outcomes[contender] = outcome
        return outcomes

    def _outcome(self, question, recipe, replica, known) -> Outcome | None:
        """What a recipe comes to on a replica; ``None`` if the budget does not reach."""
        key = (question.judge, recipe, replica)
        if key not in known:
            if self.is_over() or self.spent + (recipe.epochs or 1) > self.budget:
                return None
            known[key] = self.measure(question, recipe, replica)
            self.spent += known[key].passes
        return known[key]


def _better_half(contenders, found, keep):
    """The better half by mean loss, in order, and what the recipe says as it is.

    Of the others stay those that are worse than the best by no more than chance makes it, as rows
    are drawn.
    """
    ranked = sorted(contenders, key=lambda contender: _mean_loss(found[contender]))
    stays = {keep, *ranked[: max(2, math.ceil(len(ranked) / 2))]}
    best = found[ranked[0]]
    for other in ranked:
        gain = _mean_loss(found[other]) - _mean_loss(best)
        if math.isfinite(gain) and gain <= math.sqrt(_row_variance(best, found[other])):
            stays.add(other)
    return [contender for contender in contenders if contender in stays]


def _is_better(found: Sequence[Outcome], than: Sequence[Outcome]) -> bool:
    """Whether the mean loss is lower by more than chance makes it, of seeds and of rows.

    That is the standard error over both: of the paired differences by seed, of which there is none
    of a single one, and of their means by row.
    """
    if not math.isfinite(_mean_loss(found)):
        return False
    if not math.isfinite(_mean_loss(than)):
        return True
    gains = np.array([old.loss - new.loss for new, old in zip(found, than)])
    of_rows = _row_variance(found, than)
    if len(gains) == 1:
        return gains[0] > max(LEAST_GAIN * _mean_loss(than), math.sqrt(of_rows))
    of_seeds = gains.var(ddof=1) / len(gains)
    return gains.mean() > math.sqrt(of_seeds + of_rows)


def _row_variance(found: Sequence[Outcome], than: Sequence[Outcome]) -> float:
    """Of the mean gain, as rows are drawn; 0 where losses by row are not known."""
    gains = []
    for new, old in zip(found, than):
        if new.row_losses is None or old.row_losses is None or len(new.row_losses) < 2:
            return 0.0
        gains.append(old.row_losses.astype(np.float64) - new.row_losses)
    mean = sum(gains[1:], gains[0]) / len(gains)
    return float(mean.var(ddof=1) / len(mean))


def _mean_loss(found: Sequence[Outcome]) -> float:
    return sum(outcome.loss for outcome in found) / len(found)
