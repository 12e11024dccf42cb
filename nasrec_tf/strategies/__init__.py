"""Search for the best architectures, by regularized evolution (paper 4.4, 5.1) or otherwise.

Names load their modules at first use; KerasTuner, and TensorFlow with it, only comes with the
oracles and the tuner.
"""

import importlib

_MODULES = {
    "AnnealedFieldMutation": "mutation",
    "ArchitectureOracle": "oracle.architecture_oracle",
    "AutoCTR": "autoctr",
    "AutoCTRHybrid": "autoctr",
    "BlockMutation": "mutation",
    "Budget": "budget",
    "CODESIGN_SPACE": "hardware_space",
    "Candidate": "history",
    "FieldMutation": "mutation",
    "Generations": "strategy",
    "HardwareBudget": "budget",
    "HardwareSpace": "hardware_space",
    "History": "history",
    "LocalSearch": "local_search",
    "MUTATIONS": "mutation",
    "Mutation": "mutation",
    "NoScores": "oracle.tuner",
    "NothingScored": "draws",
    "Outcome": "history",
    "ParetoEvolution": "pareto",
    "ParetoEvolutionOracle": "oracle.oracle",
    "Patience": "oracle.assignments",
    "PredictedSearch": "predicted",
    "RandomSearch": "random_search",
    "RandomSearchOracle": "oracle.oracle",
    "RegularizedEvolution": "regularized_evolution",
    "RegularizedEvolutionOracle": "oracle.oracle",
    "STRATEGIES": "known_strategies",
    "SearchPlan": "strategy",
    "SpaceExhausted": "draws",
    "Strategy": "strategy",
    "SubnetTuner": "oracle.tuner",
    "TrialResult": "oracle.trial_results",
    "best": "oracle.trial_results",
    "check_settings": "search_settings",
    "from_values": "oracle.architecture_genes",
    "pareto_results": "pareto",
    "read_results": "oracle.trial_results",
    "register_strategy": "known_strategies",
    "search_hyperparameters": "oracle.architecture_genes",
    "strategy_of_run": "known_strategies",
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
