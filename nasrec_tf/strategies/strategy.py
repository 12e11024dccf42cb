"""What every search strategy is: an order of candidates that follows from the scores before."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.fields import plain_type
from nasrec_tf.strategies.choice_distribution import ChoiceDistribution
from nasrec_tf.strategies.draws import Draws, NothingScored, Priced
from nasrec_tf.strategies.history import Candidate, History
from nasrec_tf.strategies.mutation import BlockMutation, Mutation
from nasrec_tf.strategies.search_settings import MAX_TRIALS, check_positive

SUPERNET, TRAINING = "supernet", "training"
"""What scores a candidate: the supernet's weights, or a short training from scratch."""


@dataclasses.dataclass(frozen=True)
class SearchPlan:
    """What a run asks of its search, whichever the strategy.

    Args:
        trials: candidates of the search.
        population: architectures alive in evolution, like the next four.
        tournament: how many of them compete to be the parent.
        children: architectures that each generation adds.
        generations: how many follow the initial population.
        mutation: how evolution makes a child.
        objectives: metrics that evolution lowers at once; ``None`` for the log loss alone.
        costs: metrics of the search's budgets.
        distribution: what logits were learnt to draw, where a strategy learns them.
    """

    trials: int
    population: int = 128
    tournament: int = 64
    children: int = 8
    generations: int = 240
    mutation: Mutation = BlockMutation()
    objectives: tuple[str, ...] | None = None
    costs: tuple[str, ...] = ("mflops",)
    distribution: ChoiceDistribution | None = None


class Strategy:
    """Draws candidates one after the other; a frozen dataclass of its settings.

    What it draws depends on the seed, the candidate's number and the scores of those candidates
    that ``ready`` waits for, so that a search is the same however many workers score and wherever
    it was stopped.

    Attributes:
        may_restart: whether a candidate after generation 0 may have no parent.
        scored_by: what may score its candidates.
        journal_name: what journals call a search by it; the name of its oracle's class unless
            given.
    """

    may_restart: ClassVar[bool] = False
    scored_by: ClassVar[tuple[str, ...]] = (SUPERNET, TRAINING)
    journal_name: ClassVar[str | None] = None

    if TYPE_CHECKING:

        @property
        def trials(self) -> int:
            """How many candidates there will be; a field or a property of every strategy."""

    def generation_of(self, number: int) -> int:
        """The generation of a candidate: 0 unless candidates follow from scores of earlier ones.

        Args:
            number: of the candidate.
        """
        return 0

    def part_of(self, number: int) -> str:
        """What progress calls the part of the search that a candidate belongs to.

        Args:
            number: of the candidate.
        """
        return f"generation {self.generation_of(number)}"

    def ready(self, number: int, history: History) -> bool:
        """Whether enough has been scored to draw a candidate.

        Args:
            number: of the candidate, which has not been drawn yet.
            history: what has been drawn and scored so far.
        """
        return True

    def propose(self, number: int, history: History, draws: Draws, seed: int) -> Candidate:
        """Draws a candidate.

        Args:
            number: of the candidate.
            history: what was scored so far.
            draws: the rules that every candidate keeps.
            seed: of the search.

        Raises:
            NothingToDraw: if there is none.
        """
        raise NotImplementedError

    # What command lines ask.

    @classmethod
    def options(cls) -> dict[str, type]:
        """Its own settings, by name with their types: its fields of plain types, but ``trials``."""
        fields = dataclasses.fields(cls)  # type: ignore[arg-type]
        types = {field.name: plain_type(field) for field in fields if field.name != "trials"}
        return {name: kind for name, kind in types.items() if kind in (int, float, bool, str)}

    @classmethod
    def for_run(cls, plan: SearchPlan, options: Mapping[str, Any]) -> "Strategy":
        """The strategy of a run.

        Args:
            plan: what the run asks for.
            options: values of ``options``, of those that were given.

        Raises:
            UserError: if a value cannot be used.
        """
        return cls(trials=plan.trials, **options)  # type: ignore[call-arg]


class Generations(Strategy):
    """A strategy whose candidates come in generations.

    The first generation is drawn at random; each of the others follows from the scores of all
    before it, and begins when these have ended.

    Attributes:
        sizes: names of the fields that tell the candidates of generation 0 and of each later one.
    """

    sizes: ClassVar[tuple[str, str]]

    @property
    def first_size(self) -> int:
        """Candidates of generation 0."""
        return getattr(self, self.sizes[0])

    @property
    def size(self) -> int:
        """Candidates of each later generation."""
        return getattr(self, self.sizes[1])

    def child(
        self, number: int, history: History, draws: Draws, seed: int
    ) -> tuple[int | None, Priced] | None:
        """Draws a candidate that follows from scores.

        Args:
            number: of the candidate, of generation 1 or a later one.
            history: with all earlier generations scored.
            draws: the rules that every candidate keeps.
            seed: of the search.

        Returns:
            Number of its parent, and the design with its cost by metric; ``None`` if it is to be
            drawn at random.

        Raises:
            NothingToDraw: if there is none.
        """
        raise NotImplementedError

    def propose(self, number: int, history: History, draws: Draws, seed: int) -> Candidate:
        """Draws a candidate: at random in generation 0, and by ``child`` in later ones."""
        generation = self.generation_of(number)
        found = self.child(number, history, draws, seed) if generation else None
        parent, (design, costs) = found or (None, draws.initial(history, seed))
        return Candidate(number, generation, parent, design.architecture, costs, design.hardware)

    def generation_of(self, number: int) -> int:
        """0 for the candidates that are drawn at random, then from 1."""
        if number < self.first_size:
            return 0
        return (number - self.first_size) // self.size + 1

    def first_of(self, generation: int) -> int:
        """Number of the first candidate of a generation.

        Args:
            generation: from 0.
        """
        return 0 if generation == 0 else self.first_size + self.size * (generation - 1)

    def ready(self, number: int, history: History) -> bool:
        """Whether all earlier generations have been scored."""
        first = self.first_of(self.generation_of(number))
        return min(history.open, default=first) >= first

    def scored_before(self, number: int, history: History) -> list[int]:
        """Numbers of the scored candidates of all earlier generations, in rising order.

        Those of the candidate's own generation that have ended already are left out: how many there
        are depends on the workers.

        Args:
            number: of the candidate, of generation 1 or a later one.
            history: with all earlier generations scored.

        Raises:
            NothingScored: if there are none.
        """
        first = self.first_of(self.generation_of(number))
        scored = [earlier for earlier in range(first) if history.scored(earlier)]
        if not scored:
            raise NothingScored(first)
        return scored


def check_trials(trials: int, start: int, named: str = "start") -> None:
    """Checks the size of a search that begins with candidates drawn at random.

    Args:
        trials: candidates of the search.
        start: how many of them are drawn at random first.
        named: the setting that tells how many.

    Raises:
        UserError: if one is no positive whole number, there are more than ``MAX_TRIALS``, or none
            is left to follow from the first.

    Example:
        >>> check_trials(trials=48, start=16)
        >>> check_trials(trials=8, start=16)
        Traceback (most recent call last):
        nasrec_tf.common.errors.UserError: `start` must be below the search's 8 candidates, of \
which none would follow from the first. Received: 16
    """
    check_positive(trials=trials)
    check_positive(start=start, named=lambda _: f"`{named}`")
    if trials > MAX_TRIALS:
        raise UserError(f"`trials` must be at most {MAX_TRIALS:,}. Received: {trials:,}")
    if start >= trials:
        raise UserError(
            f"`{named}` must be below the search's {trials} candidates, of which none would follow "
            f"from the first. Received: {start}"
        )
