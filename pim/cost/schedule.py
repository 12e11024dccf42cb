"""When every operator starts and ends: the critical path over the graph, and the pipeline."""

from collections.abc import Mapping

import numpy as np

from pim.workload.operators import Workload

Times = float | np.ndarray
"""Of one candidate, or of all of them."""


def finish_times(workload: Workload, latency: Mapping[str, Times]) -> dict[str, Times]:
    """End of every operator if each starts as soon as all that it waits for has ended.

    Operators own their arrays and units, so none waits for another one's hardware.

    Args:
        workload: the network.
        latency: ns of every operator by name; numbers or arrays over candidates.
    """
    finish: dict[str, Times] = {}
    for operator in workload.operators:
        start: Times = 0.0
        for source in operator.inputs:
            start = np.maximum(start, finish[source])
        finish[operator.name] = start + latency[operator.name]
    return finish


def total_latency(finish: Mapping[str, Times]) -> Times:
    """End of the last operator.

    Args:
        finish: ns of every operator by name, numbers or arrays over candidates.
    """
    return _maximum(finish)


def interval(stages: Mapping[str, Times]) -> Times:
    """Time between two inferences in a full pipeline: the busiest operator decides.

    Args:
        stages: ns for which every operator is busy, by name, numbers or arrays over candidates.
    """
    return _maximum(stages)


def _maximum(times: Mapping[str, Times]) -> Times:
    latest: Times = 0.0
    for time in times.values():
        latest = np.maximum(latest, time)
    return latest


def critical_path(workload: Workload, finish: Mapping[str, float]) -> list[str]:
    """Names of the operators that follow each other without a gap up to the last end.

    Args:
        workload: the network.
        finish: ns at which every operator ends, by name.
    """
    inputs = {operator.name: operator.inputs for operator in workload.operators}
    name = max(finish, key=lambda candidate: finish[candidate])
    path = [name]
    while inputs[name]:
        name = max(inputs[name], key=lambda source: finish[source])
        path.append(name)
    return path[::-1]
