"""What an installation, and a Dataflow worker, gets of this project."""

import importlib.metadata
import pathlib
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest
from packaging.requirements import Requirement

import nasrec_tf

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ("beam_preprocess", "nasrec_tf", "pim")
NOT_SHIPPED = {"__pycache__"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """The packages and what they are built from, in a directory where a build leaves its traces."""
    copy = tmp_path_factory.mktemp("sources")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns(*NOT_SHIPPED))
    return copy


@pytest.fixture(scope="module")
def shipped(sources):
    """Every file of the packages: code, presets, templates, kernels' sources, type markers."""
    return {
        path.relative_to(sources).as_posix()
        for package in PACKAGES
        for path in (sources / package).rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def wheel(sources, tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    build = ["-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index", "-q"]
    run(sources, *build, "-w", str(out), ".")
    [path] = out.glob("*.whl")
    return path


def run(directory, *arguments):
    done = subprocess.run(
        [sys.executable, *arguments], cwd=directory, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_wheel_holds_every_file_of_the_packages(wheel, shipped):
    with zipfile.ZipFile(wheel) as file:
        inside = {name for name in file.namelist() if ".dist-info/" not in name}
    assert inside == shipped
    assert {f"{package}/py.typed" for package in PACKAGES} <= inside


def test_what_dataflow_stages_holds_every_file_and_how_to_build_it(sources, shipped, tmp_path):
    run(sources, "setup.py", "-q", "sdist", "--dist-dir", str(tmp_path))
    [path] = tmp_path.glob("*.tar.gz")
    with tarfile.open(path) as file:
        inside = {name.split("/", 1)[1] for name in file.getnames() if "/" in name}
    assert shipped | {"pyproject.toml", "setup.py", "README.md", "LICENSE"} <= inside


def test_the_metadata_say_the_version_the_needs_and_the_commands(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as file:
        file.extractall(tmp_path)
    [found] = importlib.metadata.distributions(path=[str(tmp_path)])
    assert found.version == nasrec_tf.__version__
    needed = [Requirement(line) for line in found.requires if "extra ==" not in line]
    assert {need.name for need in needed} >= {"tensorflow", "apache-beam", "pydantic"}
    commands = {entry.name: entry for entry in found.entry_points}
    assert {"nasrec-search", "nasrec-flops", "beam-preprocess", "pim"} <= set(commands)
    # Each command is there: its module and its function.
    for entry in found.entry_points.select(group="console_scripts"):
        assert callable(entry.load())
    # What `pim` asks of a source of workloads, beside the commands.
    [source] = found.entry_points.select(group="pim.workloads")
    assert callable(source.load().from_json)
