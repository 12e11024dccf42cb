"""Processing-in-memory: what a network costs on analog arrays, and what they compute.

Importing this package loads NumPy and nothing heavier. ``estimate`` and ``estimate_batch`` cost
networks, ``analog_matmul`` and ``to_analog`` compute as the arrays do, ``compare`` and ``explore``
put designs side by side. ``python -m pim`` does it from the command line.
"""

from pim.cost.batch import BatchReport, estimate_batch
from pim.cost.estimate import estimate
from pim.cost.report import OperatorReport, Report
from pim.errors import PimError
from pim.functional.analog import analog_matmul, normalized_error
from pim.functional.quantized import AnalogLinear, QuantizedLinear, quantize_linear
from pim.functional.to_analog import to_analog
from pim.hardware.genes import Candidates
from pim.hardware.hardware import Hardware
from pim.hardware.hardware_json import (
    changed,
    hardware_from_json,
    hardware_to_json,
    load_hardware,
    save_hardware,
)
from pim.hardware.presets import PRESETS, hardware_preset
from pim.studies.baselines import NearMemoryDesign
from pim.studies.design_comparison import Comparison, Setup, compare
from pim.studies.explore import DesignSpace, Exploration, explore, pareto_front
from pim.workload.keras_models import workload_from_keras
from pim.workload.operators import CrossbarOperator, DigitalOperator, EmbeddingOperator, Workload
from pim.workload.precision import Precision
from pim.workload.workload_json import (
    load_workload,
    save_workload,
    workload_from_json,
    workload_to_json,
)

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
