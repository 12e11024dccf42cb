"""Search for the best architectures: regularized evolution on KerasTuner (paper 4.4, 5.1).

Names load their modules at first use; KerasTuner, and TensorFlow with it, only comes with the
oracles and the tuner.
"""

import importlib

_MODULES = {
    "AnnealedFieldMutation": "mutation",
    "ArchitectureOracle": "architecture_oracle",
    "BlockMutation": "mutation",
    "Budget": "budget",
    "CODESIGN_SPACE": "hardware_space",
    "Candidate": "history",
    "HardwareBudget": "budget",
    "HardwareSpace": "hardware_space",
    "History": "history",
    "MUTATIONS": "mutation",
    "Mutation": "mutation",
    "Outcome": "history",
    "ParetoEvolution": "pareto",
    "ParetoEvolutionOracle": "oracle",
    "Patience": "assignments",
    "RandomSearch": "random_search",
    "RandomSearchOracle": "oracle",
    "RegularizedEvolution": "regularized_evolution",
    "RegularizedEvolutionOracle": "oracle",
    "SubnetTuner": "tuner",
    "TrialResult": "results",
    "best": "results",
    "from_values": "genes",
    "pareto_results": "pareto",
    "read_results": "results",
    "search_hyperparameters": "genes",
    "to_values": "genes",
    "write_leaderboard": "results",
}

__all__ = sorted(_MODULES)


def __getattr__(name: str):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__():
    return __all__
