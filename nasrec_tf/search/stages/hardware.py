"""The winner of a co-design search on its hardware (paper 5.2)."""

from typing import Any

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import write_json

FLOAT_TWIN = "float"
"""Directory of the winner's twin in floating point."""


def run_stage(run: Run) -> dict[str, Any]:
    """Measures the winner's quality on its hardware, and compares costs with other designs."""
    architecture, settings = winner(run)
    return {
        "settings": settings,
        "quality": _qualities(run, architecture, settings),
        **_costs(run, architecture, settings),
    }


def winner(run: Run) -> tuple[Architecture, dict[str, int]]:
    """The winning architecture and the hardware settings that it was found with."""
    result = run.directory.result("retrain")
    architecture = Architecture.from_json(result["architecture"])
    if run.config.architecture is not None:
        return architecture, {}
    found = run.directory.result("evolution")["best_hardware"]
    return architecture, found[result["rank"] - 1]


def _qualities(run: Run, architecture: Architecture, settings) -> dict[str, Any]:
    """Log loss and AUC in floating point, quantized, and on the arrays, on the same test rows."""
    from nasrec_tf.search.stages.retrain import load_winner
    from nasrec_tf.training.evaluation import Predictor, quality

    rows = min(run.config.hardware_rows, run.records.rows("test"))
    twin = _float_twin(run, architecture)
    found = {"float": quality(*Predictor(twin, run.records)("test", rows)).to_json()}
    subnet = load_winner(run)
    found["quantized"] = quality(*Predictor(subnet, run.records)("test", rows)).to_json()
    return found | _crossbar_qualities(run, subnet, settings, rows)


def _crossbar_qualities(run: Run, subnet, settings, rows: int) -> dict[str, Any]:
    """Quality with every kind of cell; each is kept in a file, so that a stop loses little."""
    import json

    from nasrec_tf.codesign.crossbar_quality import CELLS, crossbar_quality
    from nasrec_tf.data.records import derived_seed
    from nasrec_tf.search.stages.evolution import hardware_costs

    hardware = hardware_costs(run).design(settings)
    found = {}
    with run.progress("crossbars", len(CELLS) * rows, "row") as bar:
        for cells in CELLS:
            path = run.directory.stage("hardware") / f"cells-{cells}.json"
            if path.exists():
                bar.update(rows)
            else:
                seed = derived_seed(run.config.seed, f"cells {cells}")
                measured = crossbar_quality(
                    subnet, run.records, hardware, cells, rows, seed, bar.update
                )
                write_json(path, measured.to_json())
            found[f"crossbar_{cells}"] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _float_twin(run: Run, architecture: Architecture):
    """The winner's architecture in floating point, trained in the same way."""
    from nasrec_tf.search.stages import retrain

    result = run.directory.result("retrain")
    directory = run.directory.stage("hardware") / FLOAT_TWIN
    twin = architecture.in_floating_point()
    attempt = retrain.Attempt(result["rank"], twin, result["learning_rate"], directory)
    if retrain.finished(attempt) is None:
        retrain.train_attempt(run, attempt, "float twin")
    return retrain.load(run, twin, directory / retrain.WEIGHTS)


def _costs(run: Run, architecture: Architecture, settings) -> dict[str, Any]:
    """The winner's costs, and those of the designs that the paper compares with."""
    from nasrec_tf.codesign.costs import costs_of
    from nasrec_tf.search.stages.evolution import hardware_costs
    from pim import Setup
    from pim.studies.compare import compare

    costs = hardware_costs(run)
    comparison = compare(Setup(costs.workload(architecture), costs.design(settings)))
    report = comparison.candidate
    return {
        "costs": costs_of(report) | {"interval_us": report.interval_ns / 1e3},
        "baseline_area_mm2": _areas(costs, architecture, settings),
        "lossless_converters": report.lossless_adc,
        "comparison": {
            name: value for name, value in comparison.to_json().items() if name != "candidate"
        },
    }


def _areas(costs, architecture: Architecture, settings) -> dict[str, float]:
    """Area of the crossbar designs compared with: the same network with 8 bits everywhere."""
    from nasrec_tf.codesign.costs import AREA, costs_of
    from pim import hardware_preset
    from pim.cost.estimate import estimate

    workload = costs.workload(architecture)
    count = len(workload.crossbar_operators)
    uniform = workload.with_bits([8] * count, [8] * count)
    designs = {"handcrafted": hardware_preset("handcrafted"), "uniform8": costs.design(settings)}
    return {name: costs_of(estimate(uniform, design))[AREA] for name, design in designs.items()}
