"""The model that a run explains: what it exports, or what stands for that beside other models."""

import dataclasses
import pathlib
from typing import Any

from nasrec_tf.search.final_model import final_model
from nasrec_tf.search.from_scratch import load_trained
from nasrec_tf.search.results import RetrainResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.winner_quality import Predicted, predicted


@dataclasses.dataclass(frozen=True)
class ExplainedModel:
    """A trained model that simple ones stand beside.

    After a final fit it is the winner before that: simple models have no rows of validation either.

    Args:
        run: the run.
        result: of the retrain stage.
    """

    run: Run
    result: RetrainResult

    @classmethod
    def of(cls, run: Run) -> "ExplainedModel":
        """The model of a run whose retrain stage has finished.

        Args:
            run: the run.

        Raises:
            RunError: if the stage has not finished.
        """
        return cls(run, final_model(run))

    @property
    def told(self) -> str:
        """What it is, in a few words, as part of a sentence."""
        if self.result.ensemble is not None:
            seen = " (its members trained on the rows of validation too)"
            return f"the ensemble{seen if self.result.final_fit is not None else ''}"
        found = "the model found" if self.run.config.architecture is None else "the given model"
        return f"{found}{' (before its final fit)' if self._before_final_fit else ''}"

    @property
    def told_drawn(self) -> str:
        """What the single network is that the report draws."""
        return "the best network alone" if self.result.ensemble is not None else self.told

    @property
    def mflops(self) -> float:
        """Millions of multiply-accumulates per sample."""
        result = self.result
        if result.ensemble is not None:
            return result.ensemble.mflops
        return self.run.model_cost(result.architecture, result.recipe).mflops

    def load(self) -> Any:
        """The network, or the ensemble, with its weights.

        Raises:
            RunError: if weights are missing or damaged.
        """
        from nasrec_tf.search.chosen_models import load_ensemble

        if self.result.ensemble is not None:
            return load_ensemble(self.run, self.result.ensemble)
        return self.load_drawn()

    def load_drawn(self) -> Any:
        """The single network that the report draws.

        Raises:
            RunError: if its weights are missing or damaged.
        """
        result = self.result
        return load_trained(self.run, result.architecture, self._directory, result.recipe)

    def predicted_test(self) -> Predicted:
        """What it makes of the test split.

        Raises:
            UserError: if a prediction is not finite.
        """
        return predicted(self.run, self.load(), "test", self._directory)

    @property
    def _before_final_fit(self) -> bool:
        return self.result.final_fit is not None and self.result.candidate is not None

    @property
    def _directory(self) -> pathlib.Path:
        name = self.result.candidate if self._before_final_fit else self.result.directory
        return self.run.directory.path / str(name)
