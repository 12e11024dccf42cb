"""Installs nasrec_tf, beam_preprocess and pim.

Dataflow workers are staged with this file as well (``--setup_file=./setup.py``), so it reads
nothing but what lies beside it.
"""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "(.+)"$', (HERE / "nasrec_tf/__init__.py").read_text("utf-8"), re.MULTILINE
).group(1)

# Every lower and every upper end was installed together and the tests were run on it.
REQUIREMENTS = [
    "tensorflow>=2.21,<2.22",
    "keras>=3.12,<3.16",
    "tensorflow-model-optimization>=0.8.1,<0.9",
    "tensorflow-recommenders>=0.7.3,<0.8",
    "keras-tuner>=1.4.8,<1.5",
    "apache-beam>=2.77,<2.78",
    "tensorboard>=2.20,<2.22",
    "numpy>=2.1,<2.5",
    "pyarrow>=18,<26",
    "scikit-learn>=1.6,<1.10",
    "matplotlib>=3.9,<3.12",
    "jinja2>=3.1,<3.2",
    "tqdm>=4.66,<5",
    "pydantic>=2.10,<3",
    "tomli-w>=1.1,<2",
    "tomli>=2.0,<3; python_version < '3.11'",
]

TEST_REQUIREMENTS = [
    "apache-beam[gcp]>=2.77,<2.78",  # the Dataflow submission test
    "pytest>=8,<10",
    "pytest-timeout>=2.3.1,<3",
    "pytest-xdist>=3.6,<4",
    "pytest-cov>=6,<8",
    "import-linter>=2.3,<3",
    "mypy>=1.15,<3",
    "hypothesis>=6.100,<7",
    "ruff>=0.11,<0.18",
]

setup(
    name="nasrec_tf",
    version=VERSION,
    description="Automated design of click-through-rate models, and of the hardware that runs them",
    long_description=(HERE / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["nasrec_tf*", "beam_preprocess*", "pim*"]),
    package_data={
        "nasrec_tf": ["architecture/presets/*.json", "report/templates/*", "native/src/*"],
    },
    install_requires=REQUIREMENTS,
    extras_require={"test": TEST_REQUIREMENTS, "dataflow": ["apache-beam[gcp]>=2.77,<2.78"]},
    entry_points={
        "console_scripts": [
            "nasrec-search=nasrec_tf.search:main",
            "nasrec-flops=nasrec_tf.flops:main",
            "nasrec-draw=nasrec_tf.draw:main",
            "nasrec-demo=nasrec_tf.demo:main",
            "beam-preprocess=beam_preprocess.__main__:main",
            "pim=pim.__main__:main",
        ]
    },
)
