"""Stages the packages for Dataflow's workers: ``--setup_file=./setup.py``. All else about the
project is said in ``pyproject.toml``."""

from setuptools import setup

setup()
