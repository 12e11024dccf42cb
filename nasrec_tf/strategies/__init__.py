"""Search for the best architectures: regularized evolution on KerasTuner (paper 4.4, 5.1).

Names load their modules at first use; KerasTuner, and TensorFlow with it, only comes with the
oracles and the tuner.
"""

import importlib

_MODULES = {
    "AnnealedFieldMutation": "mutation",
    "ArchitectureOracle": "oracle.architecture_oracle",
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
    "NoScores": "oracle.tuner",
    "NothingScored": "draws",
    "ParetoEvolution": "pareto",
    "ParetoEvolutionOracle": "oracle.oracle",
    "Patience": "oracle.assignments",
    "RandomSearch": "random_search",
    "RandomSearchOracle": "oracle.oracle",
    "RegularizedEvolution": "regularized_evolution",
    "RegularizedEvolutionOracle": "oracle.oracle",
    "SpaceExhausted": "draws",
    "SubnetTuner": "oracle.tuner",
    "TrialResult": "oracle.trial_results",
    "check_settings": "search_settings",
    "best": "oracle.trial_results",
    "from_values": "oracle.architecture_genes",
    "pareto_results": "pareto",
    "read_results": "oracle.trial_results",
    "search_hyperparameters": "oracle.architecture_genes",
    "to_values": "oracle.architecture_genes",
    "write_leaderboard": "oracle.trial_results",
}

__all__ = sorted(_MODULES)


def __getattr__(name: str):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__():
    return __all__
