"""Networks and reference files that the tests of ``pim`` share; none of them needs nasrec_tf."""

import dataclasses
import os
import pathlib

import pytest

from pim.workload.workload_json import load_workload

DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
"""Figures kept in the repository: published models as workloads, rows of other estimators."""


def reference_file(name):
    """A whole file of another estimator's results beside the test data, or a skip that names it."""
    root = pathlib.Path(__file__).resolve().parents[2]
    data = pathlib.Path(os.environ.get("NASREC_TEST_DATA", root.parent / "shared" / "data"))
    path = data.parent / "pim" / name
    if not path.exists():
        pytest.skip(f"the whole {name} is not beside the test data")
    return path


def _rows_or_whole(whole, cut):
    """Parametrizes a fixture: always the rows in the repository, and the whole file if found."""

    @pytest.fixture(scope="session", params=["rows", "whole"])
    def path(request):
        return reference_file(whole) if request.param == "whole" else DATA / "reference" / cut

    return path


mnsim2_csv = _rows_or_whole("mnsim2_reference.csv", "mnsim2_rows.csv")
cacti_csv = _rows_or_whole("cacti_32nm.csv", "cacti_32nm.csv")


@pytest.fixture(scope="session")
def criteo_small_file():
    """The smallest published model for Criteo, as a workload file."""
    return DATA / "workloads" / "nasrec-criteo-small.json"


@pytest.fixture(scope="session")
def published():
    """The workload of a published model: ``published("criteo", "small", batch=4)``."""

    def load(dataset, space, batch=1):
        workload = load_workload(DATA / "workloads" / f"nasrec-{dataset}-{space}.json")
        return dataclasses.replace(workload, batch=batch)

    return load


@pytest.fixture(scope="session")
def criteo_small(published):
    return published("criteo", "small")
