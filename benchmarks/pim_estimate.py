"""Measures how many candidates a second ``pim.estimate_batch`` costs, on one core.

    python -m benchmarks.pim_estimate [--architecture nasrec-criteo-small] [--seconds 5]

Candidates differ in the bit widths of every operator and in the hardware settings. The time of the
process is taken, not that of the clock on the wall, so that other programs disturb it little.
"""

import argparse
import json
import time

import numpy as np

from nasrec_tf.architecture.presets import preset
from nasrec_tf.codesign.architecture_workload import workload_from_architecture
from pim import Candidates, estimate_batch, hardware_preset
from pim.cost.estimate import estimate

BATCH = 20_000


def candidates(rng: np.random.Generator, count: int, operators: int) -> Candidates:
    """Random candidates over everything that a co-design search may change."""
    return Candidates(
        weight_bits=rng.integers(4, 9, (count, operators)),
        activation_bits=rng.integers(4, 9, (count, operators)),
        rows=rng.choice([64, 128, 256], count),
        columns=rng.choice([64, 128, 256], count),
        bits_per_cell=rng.integers(1, 3, count),
        dac_bits=rng.integers(1, 3, count),
        adc_bits=rng.integers(5, 12, count),
        columns_per_adc=rng.choice([8, 32, 128], count),
        duplication=rng.choice([1, 4, 16], count),
    )


def rate(function, seconds: float) -> float:
    """Calls a second of process time, over at least ``seconds``."""
    function()
    calls, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        function()
        calls += 1
    return calls / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--architecture", default="nasrec-criteo-small")
    parser.add_argument("--hardware", default="isaac32")
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()
    published = preset(arguments.architecture)
    workload = workload_from_architecture(
        published.architecture, published.features, name=published.name
    )
    hardware = hardware_preset(arguments.hardware)
    operators = len(workload.crossbar_operators)
    batch = candidates(np.random.default_rng(0), BATCH, operators)
    result = {
        "architecture": workload.name,
        "crossbar_operators": operators,
        "operators": len(workload.operators),
        "batch_candidates_per_second": BATCH
        * rate(lambda: estimate_batch(workload, hardware, batch), arguments.seconds),
        "scalar_estimates_per_second": rate(
            lambda: estimate(workload, hardware), arguments.seconds
        ),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
