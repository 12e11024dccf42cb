"""The packages import each other from the top down: no circles, and no floor skipped upwards."""

import pathlib
import shutil
import subprocess
import sys

import grimp
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ("beam_preprocess", "nasrec_tf", "pim")
LINTER = "from importlinter.cli import lint_imports_command as run; run(['--no-cache'])"


def circles(graph):
    """Groups of modules of which each imports, by some way, every other."""
    below = {module: graph.find_upstream_modules(module) for module in graph.modules}
    groups = (
        [module, *(other for other in below[module] if module in below[other])] for module in below
    )
    return sorted({tuple(sorted(group)) for group in groups if len(group) > 1})


def test_no_module_imports_itself_by_way_of_others():
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True, cache_dir=None)
    assert circles(graph) == []


def test_a_circle_of_three_is_found_and_what_reads_it_is_no_part_of_it():
    graph = grimp.ImportGraph()
    for importer, imported in ("ab", "bc", "ca", "da"):
        graph.add_import(importer=importer, imported=imported)
    assert circles(graph) == [("a", "b", "c")]


@pytest.mark.parametrize(
    ("module", "line", "told"),
    [
        ("pim/fresh.py", "import nasrec_tf.common.errors", "pim stands alone"),
        ("beam_preprocess/fresh.py", "import nasrec_tf.demo", "beam_preprocess stands alone"),
        ("nasrec_tf/common/fresh.py", "import nasrec_tf.search", "lower floors alone"),
        ("nasrec_tf/report/fresh.py", "import nasrec_tf.draw", "lower floors alone"),
        ("beam_preprocess/reading/fresh.py", "import beam_preprocess.job", "of beam_preprocess"),
        ("pim/hardware/fresh.py", "import pim.cost.cost", "of pim"),
        ("nasrec_tf/fresh_room.py", "import json", "fresh_room"),
    ],
)
def test_the_contracts_hold_the_floors(tmp_path, module, line, told):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package)
    (tmp_path / module).write_text(f"def later():\n    {line}\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", LINTER],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env={"PYTHONPATH": str(tmp_path), "COLUMNS": "200"},
    )
    assert done.returncode != 0
    broken = "\n".join(line for line in done.stdout.splitlines() if "KEPT" not in line)
    assert told in broken
    assert "0 broken" not in done.stdout
