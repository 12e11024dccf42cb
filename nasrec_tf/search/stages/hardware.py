"""The winner of a co-design search on its hardware (paper 5.2)."""

from typing import Any

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.report import QualitySummary
from nasrec_tf.search.final_model import final_model
from nasrec_tf.search.results import (
    BaselineComparison,
    EvolutionResult,
    HardwareResult,
    Ratio,
    RatioSpan,
    RetrainResult,
)
from nasrec_tf.search.run import Run
from nasrec_tf.search.trainable import SpaceModel

FLOAT_TWIN = "float"
"""Directory of the winner's twin in floating point."""


def run_stage(run: Run) -> HardwareResult:
    """Measures the winner's quality on its hardware, and compares costs with other designs.

    Args:
        run: the run.

    Raises:
        RunError: if what the stages before left is missing or does not fit together.
        UserError: if the hardware cannot compute the winner.
    """
    from pim import PimError

    architecture, settings = winner(run)
    try:
        return HardwareResult(
            settings=settings,
            quality=_qualities(run, architecture, settings),
            **_costs(run, architecture, settings),
        )
    except PimError as error:
        raise UserError(f"--hardware: {error}") from error


def winner(run: Run) -> tuple[Architecture, dict[str, int]]:
    """The winning architecture and the hardware settings that it was found with.

    Args:
        run: the run.

    Raises:
        RunError: if what the stages left does not fit together.
    """
    result = final_model(run)
    if run.config.architecture is not None:
        return result.architecture.architecture, {}
    found = run.directory.finished("evolution", EvolutionResult).best_hardware
    settings = found[result.rank - 1] if result.rank <= len(found) else None
    if settings is None:
        raise RunError(
            f"{run.directory.path / 'evolution'}: no hardware for candidate {result.rank}; delete "
            "this directory to search again."
        )
    return result.architecture.architecture, settings


def _qualities(run: Run, architecture: Architecture, settings) -> dict[str, QualitySummary]:
    """Log loss and AUC in floating point, quantized, and on the arrays, on the same test rows."""
    from nasrec_tf.search.stages.retrain import load_winner

    rows = min(run.config.hardware_rows, run.records.rows("test"))
    found = {"float": _measured(run, _float_twin(run, architecture), rows)}
    subnet = load_winner(run)
    found["quantized"] = _measured(run, subnet, rows)
    return found | _crossbar_qualities(run, subnet, settings, rows)


def _measured(run: Run, subnet, rows: int) -> QualitySummary:
    from nasrec_tf.training.evaluation import Predictor, quality

    predictions = Predictor(subnet, run.records)("test", rows)
    found = quality(*predictions, run.records.weights("test", rows))
    return QualitySummary(**found.to_json())


def _crossbar_qualities(run: Run, subnet, settings, rows: int) -> dict[str, QualitySummary]:
    """Quality with every kind of cell; each is kept in a file, so that a stop loses little."""
    from nasrec_tf.codesign.crossbar_quality import CELLS, crossbar_quality
    from nasrec_tf.data.records import derived_seed
    from nasrec_tf.search.stages.evolution import hardware_costs

    hardware = hardware_costs(run).design(settings)
    found = {}
    with run.progress("crossbars", len(CELLS) * rows, "row") as bar:
        for cells in CELLS:
            path = run.directory.stage("hardware") / f"cells-{cells}.json"
            quality = read_state(path, QualitySummary, "delete it to measure these cells again")
            if quality is not None:
                bar.update(rows)
            else:
                seed = derived_seed(run.config.seed, f"cells {cells}")
                measured = crossbar_quality(
                    subnet, run.records, hardware, cells, rows, seed, bar.update
                )
                quality = QualitySummary(**measured.to_json())
                write_state(path, quality)
            found[f"crossbar_{cells}"] = quality
    return found


def _float_twin(run: Run, architecture: Architecture):
    """The winner's architecture in floating point, trained in the same way."""
    from nasrec_tf.search.attempt import Attempt
    from nasrec_tf.search.attempt_training import train_attempt
    from nasrec_tf.search.from_scratch import load_trained

    result = final_model(run)
    directory = run.directory.stage("hardware") / FLOAT_TWIN
    twin = SpaceModel(architecture.in_floating_point())
    recipe = result.recipe or run.recipe.replace(learning_rate=result.learning_rate)
    attempt = Attempt(result.rank, twin, recipe, directory)
    train_attempt(run, attempt, "float twin")
    return load_trained(run, twin, directory, recipe)


def _costs(run: Run, architecture: Architecture, settings) -> dict[str, Any]:
    """The winner's costs, and those of the designs that the paper compares with."""
    from nasrec_tf.search.stages.evolution import hardware_costs
    from pim import Setup
    from pim.studies.design_comparison import compare

    costs = hardware_costs(run)
    comparison = compare(Setup(costs.workload(architecture), costs.design(settings)))
    report = comparison.candidate
    return {
        "costs": _costs_of(report),
        "unpruned_costs": _unpruned_costs(run, costs, settings),
        "baseline_area_mm2": _areas(costs, architecture, settings),
        "lossless_converters": report.lossless_adc,
        "comparison": _comparison(comparison.to_json()),
    }


def _costs_of(report: Any) -> dict[str, float]:
    from nasrec_tf.codesign.costs import arrays_of, costs_of

    return costs_of(report) | {
        "interval_us": report.interval_ns / 1e3,
        "arrays": float(arrays_of(report)),
    }


def _unpruned_costs(run: Run, costs: Any, settings) -> dict[str, float] | None:
    """What the winner would take on this hardware with all its weights, in a run that prunes."""
    if run.config.prune is None:
        return None
    from pim.cost.estimate import unlimited_estimate

    whole = run.directory.finished("retrain", RetrainResult).architecture.architecture
    # It need not fit where the pruned one does.
    return _costs_of(unlimited_estimate(costs.workload(whole), costs.design(settings)))


def _comparison(found: dict[str, Any]) -> BaselineComparison:
    return BaselineComparison(
        baselines=found["baselines"],
        ratios={name: Ratio(**ratio) for name, ratio in found["ratios"].items()},
        paper={name: Ratio(**ratio) for name, ratio in found["paper"].items()},
        corners={name: RatioSpan(**spans) for name, spans in found["corners"].items()},
        sensitivities=found["sensitivities"],
    )


def _areas(costs, architecture: Architecture, settings) -> dict[str, float]:
    """Area of the crossbar designs compared with: the same network with 8 bits everywhere."""
    from nasrec_tf.codesign.costs import AREA, costs_of
    from pim import hardware_preset
    from pim.cost.estimate import unlimited_estimate
    from pim.studies.baselines import uniform

    workload = uniform(costs.workload(architecture))
    designs = {"handcrafted": hardware_preset("handcrafted"), "uniform8": costs.design(settings)}
    return {
        name: costs_of(unlimited_estimate(workload, design))[AREA]
        for name, design in designs.items()
    }
