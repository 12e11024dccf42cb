"""A table of architectures that were trained from scratch, to test strategies and predictors on.

Names load their modules at first use; TensorFlow comes with the building of tables alone.
"""

import importlib

_MODULES = {
    "Answer": "answers",
    "Benchmark": "answers",
    "BudgetSpent": "strategy_trials",
    "Trial": "strategy_trials",
    "TrialResult": "strategy_trials",
}

__all__ = sorted(_MODULES)


def __getattr__(name: str):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__():
    return __all__
