"""Reference data that lie beside the repository, and the test's skip by name where they do not."""

import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]


def reference_file(*place):
    """A file of the reference data, such as ``("golden", "kdd_full.npz")``.

    Skips the test where it is not there.
    """
    data = os.environ.get("NASREC_TEST_DATA")
    shared = pathlib.Path(data).parent if data else ROOT.parent / "shared"
    path = shared.joinpath("reference", *place)
    if not path.is_file():
        pytest.skip(f"{place[-1]} not found beside the test data")
    return path
