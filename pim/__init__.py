"""Processing-in-memory: what a network costs on analog arrays, and what they compute.

Names load their modules at first use, which takes NumPy and nothing heavier. ``estimate`` and
``estimate_batch`` cost networks, ``analog_matmul`` and ``to_analog`` compute as the arrays do,
``compare`` and ``explore`` put designs side by side. ``python -m pim`` does it from the command
line.
"""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

if _TYPE_CHECKING:
    from pim.cost.batch import BatchReport as BatchReport
    from pim.cost.batch import estimate_batch as estimate_batch
    from pim.cost.estimate import estimate as estimate
    from pim.cost.report import OperatorReport as OperatorReport
    from pim.cost.report import Report as Report
    from pim.errors import PimError as PimError
    from pim.functional.analog import analog_matmul as analog_matmul
    from pim.functional.analog import normalized_error as normalized_error
    from pim.functional.quantized import AnalogLinear as AnalogLinear
    from pim.functional.quantized import QuantizedLinear as QuantizedLinear
    from pim.functional.quantized import quantize_linear as quantize_linear
    from pim.functional.to_analog import to_analog as to_analog
    from pim.hardware.genes import Candidates as Candidates
    from pim.hardware.hardware import Hardware as Hardware
    from pim.hardware.hardware_json import changed as changed
    from pim.hardware.hardware_json import hardware_from_json as hardware_from_json
    from pim.hardware.hardware_json import hardware_to_json as hardware_to_json
    from pim.hardware.hardware_json import load_hardware as load_hardware
    from pim.hardware.hardware_json import save_hardware as save_hardware
    from pim.hardware.presets import PRESETS as PRESETS
    from pim.hardware.presets import hardware_preset as hardware_preset
    from pim.studies.baselines import NearMemoryDesign as NearMemoryDesign
    from pim.studies.design_comparison import Comparison as Comparison
    from pim.studies.design_comparison import Setup as Setup
    from pim.studies.design_comparison import compare as compare
    from pim.studies.explore import DesignSpace as DesignSpace
    from pim.studies.explore import Exploration as Exploration
    from pim.studies.explore import explore as explore
    from pim.studies.explore import pareto_front as pareto_front
    from pim.workload.keras_models import workload_from_keras as workload_from_keras
    from pim.workload.operators import CrossbarOperator as CrossbarOperator
    from pim.workload.operators import DigitalOperator as DigitalOperator
    from pim.workload.operators import EmbeddingOperator as EmbeddingOperator
    from pim.workload.operators import Workload as Workload
    from pim.workload.precision import Precision as Precision
    from pim.workload.workload_json import load_workload as load_workload
    from pim.workload.workload_json import save_workload as save_workload
    from pim.workload.workload_json import workload_from_json as workload_from_json
    from pim.workload.workload_json import workload_to_json as workload_to_json

_ROOMS = ("cli", "cost", "functional", "hardware", "mnsim2", "studies", "workload")

_HOMES = {
    "AnalogLinear": "pim.functional.quantized",
    "BatchReport": "pim.cost.batch",
    "Candidates": "pim.hardware.genes",
    "Comparison": "pim.studies.design_comparison",
    "CrossbarOperator": "pim.workload.operators",
    "DesignSpace": "pim.studies.explore",
    "DigitalOperator": "pim.workload.operators",
    "EmbeddingOperator": "pim.workload.operators",
    "Exploration": "pim.studies.explore",
    "Hardware": "pim.hardware.hardware",
    "NearMemoryDesign": "pim.studies.baselines",
    "OperatorReport": "pim.cost.report",
    "PRESETS": "pim.hardware.presets",
    "PimError": "pim.errors",
    "Precision": "pim.workload.precision",
    "QuantizedLinear": "pim.functional.quantized",
    "Report": "pim.cost.report",
    "Setup": "pim.studies.design_comparison",
    "Workload": "pim.workload.operators",
    "analog_matmul": "pim.functional.analog",
    "changed": "pim.hardware.hardware_json",
    "compare": "pim.studies.design_comparison",
    "estimate": "pim.cost.estimate",
    "estimate_batch": "pim.cost.batch",
    "explore": "pim.studies.explore",
    "hardware_from_json": "pim.hardware.hardware_json",
    "hardware_preset": "pim.hardware.presets",
    "hardware_to_json": "pim.hardware.hardware_json",
    "load_hardware": "pim.hardware.hardware_json",
    "load_workload": "pim.workload.workload_json",
    "normalized_error": "pim.functional.analog",
    "pareto_front": "pim.studies.explore",
    "quantize_linear": "pim.functional.quantized",
    "save_hardware": "pim.hardware.hardware_json",
    "save_workload": "pim.workload.workload_json",
    "to_analog": "pim.functional.to_analog",
    "workload_from_json": "pim.workload.workload_json",
    "workload_from_keras": "pim.workload.keras_models",
    "workload_to_json": "pim.workload.workload_json",
}

__all__ = [
    "PRESETS",
    "AnalogLinear",
    "BatchReport",
    "Candidates",
    "Comparison",
    "CrossbarOperator",
    "DesignSpace",
    "DigitalOperator",
    "EmbeddingOperator",
    "Exploration",
    "Hardware",
    "NearMemoryDesign",
    "OperatorReport",
    "PimError",
    "Precision",
    "QuantizedLinear",
    "Report",
    "Setup",
    "Workload",
    "analog_matmul",
    "changed",
    "compare",
    "estimate",
    "estimate_batch",
    "explore",
    "hardware_from_json",
    "hardware_preset",
    "hardware_to_json",
    "load_hardware",
    "load_workload",
    "normalized_error",
    "pareto_front",
    "quantize_linear",
    "save_hardware",
    "save_workload",
    "to_analog",
    "workload_from_json",
    "workload_from_keras",
    "workload_to_json",
]


def __getattr__(name: str) -> _Any:
    if name in _ROOMS:
        return _importlib.import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(_importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(__all__) | {name for name in globals() if name.startswith("__")})
