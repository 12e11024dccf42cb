"""Modules that load at their first use, so that light commands stay light."""

import importlib
import types
from typing import Any


class LazyModule(types.ModuleType):
    """Stands for a module and imports it when one of its attributes is first read.

    Args:
        name: the full name of the module, such as ``"tensorflow"``.
    """

    def __init__(self, name: str):
        super().__init__(name)
        self._target: types.ModuleType | None = None

    def __getattr__(self, attribute: str) -> Any:
        if self.__dict__.get("_target") is None:
            self._target = importlib.import_module(self.__name__)
        return getattr(self._target, attribute)


tf = LazyModule("tensorflow")
