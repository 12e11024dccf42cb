"""What ``docs/pim.md`` shows runs as it stands there."""

import json
import pathlib
import re

import numpy as np

import pim

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "pim.md").read_text("utf-8")


def block(language):
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[1]


def test_the_code_runs_and_an_ideal_lossless_product_is_exact(capsys):
    names = {}
    exec(compile(block("python"), "docs/pim.md", "exec"), names)
    assert len(capsys.readouterr().out.splitlines()) >= 2
    assert np.array_equal(names["y"], names["x"] @ names["w"])


def test_the_workload_file_is_one():
    workload = pim.workload_from_json(json.loads(block("json")))
    assert workload.multiply_accumulates_by_kind == {"linear": 2112, "matmul": 0, "layer_norm": 320}
    assert pim.estimate(workload, pim.hardware_preset("isaac32")).tiles == 1
