"""A cheap log loss over architectures, and a search over it as a process of its own.

Its ``main`` is a program that searches in the directory given, as one process or, with
KerasTuner's environment variables, as a chief or a worker.
"""

import argparse
import pathlib
import time

import numpy as np

from nasrec_tf.architecture.space import NASREC_FULL
from nasrec_tf.strategies import Patience, RegularizedEvolutionOracle, SubnetTuner
from nasrec_tf.strategies.oracle.architecture_genes import to_values

SPACE = NASREC_FULL.replace(num_blocks=4)
TARGET = to_values(SPACE.sample(np.random.default_rng(7)), SPACE)
"""The best architecture of the landscape."""

SEARCH = {"population": 10, "tournament": 5, "children": 4, "generations": 8, "seed": 0}
TRIALS = 10 + 4 * 8


def log_loss(architecture) -> float:
    """Rises with the number of choices in which an architecture differs from the target."""
    values = to_values(architecture, SPACE)
    return 0.44 + 0.01 * sum(values[name] != wanted for name, wanted in TARGET.items())


def make_oracle(**changes) -> RegularizedEvolutionOracle:
    return RegularizedEvolutionOracle(SPACE, **(SEARCH | changes))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=0.0, help="what each scoring takes")
    parser.add_argument("--hang", type=pathlib.Path, help="scores nothing more once this exists")
    parser.add_argument("--steps", type=int, default=500, help="of a fine-tuning, as it were")
    arguments = parser.parse_args()

    def score(architecture):
        time.sleep(arguments.seconds)
        if arguments.hang and arguments.hang.exists():
            arguments.hang.with_suffix(".hanging").touch()
            time.sleep(600)
        return {"log_loss": log_loss(architecture)}

    oracle = make_oracle(
        patience=Patience(factor=1.0, seconds=2.0), scoring={"--steps": arguments.steps}
    )
    SubnetTuner(oracle, score, directory=arguments.directory, progress=False).search()
