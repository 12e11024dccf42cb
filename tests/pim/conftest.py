"""Networks and reference files that the tests of ``pim`` share."""

import os
import pathlib

import pytest

from nasrec_tf.architecture.presets import presets
from pim.workload.workload import workload_from_architecture


def reference_file(name):
    """A file of estimator results beside the data of the tests, or a skip that names it."""
    root = pathlib.Path(__file__).resolve().parents[2]
    data = pathlib.Path(os.environ.get("NASREC_TEST_DATA", root.parent / "shared" / "data"))
    path = data.parent / "pim" / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the test data")
    return path


@pytest.fixture(scope="session")
def mnsim2_csv():
    return reference_file("mnsim2_reference.csv")


@pytest.fixture(scope="session")
def cacti_csv():
    return reference_file("cacti_32nm.csv")


@pytest.fixture(scope="session")
def published():
    """Builds the workload of a published model: ``published("criteo", "small", batch=4)``."""

    def build(dataset, space, **options):
        preset = presets()[f"nasrec-{dataset}-{space}"]
        features = preset.features
        return workload_from_architecture(
            preset.architecture, features.dense, features.table_rows, name=preset.name, **options
        )

    return build


@pytest.fixture(scope="session")
def criteo_small(published):
    return published("criteo", "small")
