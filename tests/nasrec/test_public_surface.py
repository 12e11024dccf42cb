"""``import nasrec_tf``: light, without effect on the program around it, and readable."""

import ast
import pathlib
import pydoc
import subprocess
import sys

import numpy as np
import pytest
from core_cases import FEATURES, SMALL, SMALL_OPTIONS, raw_inputs, shake

import nasrec_tf
from nasrec_tf.common.errors import UserError

# Names.


@pytest.mark.parametrize("name", nasrec_tf.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name):
    value = getattr(nasrec_tf, name)
    if callable(value):
        assert value.__doc__ and value.__module__.startswith("nasrec_tf.")


def test_type_checkers_are_told_the_same_names_from_the_same_modules():
    tree = ast.parse(pathlib.Path(nasrec_tf.__file__).read_text())
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    told = {}
    for statement in block.body:
        for alias in statement.names:
            assert alias.name == alias.asname, "re-exports are written `import X as X`"
            told[alias.name] = statement.module
    assert told == nasrec_tf._HOMES
    assert [*told] == sorted(told, key=lambda name: (told[name], name))
    assert list(nasrec_tf._HOMES) == sorted(nasrec_tf._HOMES)


def test_dir_lists_what_is_public_and_nothing_that_is_not():
    listed = [name for name in dir(nasrec_tf) if not name.startswith("__")]
    assert listed == sorted(set(nasrec_tf.__all__) - {"__version__"})


def test_help_reads_as_a_newcomer_would_read_it():
    text = pydoc.plain(pydoc.render_doc(nasrec_tf))
    for said in ("From a search space to a trained network", "class Subnet(", "load(path", "Args:"):
        assert said in text
    assert "_HOMES" not in text


def test_a_name_that_there_is_not_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'Supernett'"):
        nasrec_tf.Supernett  # noqa: B018


# The program around it.


def printed_by(program):
    """What a program prints in a process of its own, in which TensorFlow has not been loaded."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": ":".join(sys.path),
        "HOME": "/nonexistent",
    }
    environment |= {"TF_CPP_MIN_LOG_LEVEL": "3", "NASREC_TF_NATIVE": "0"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


QUANTIZED_NETWORK = """
import numpy as np
space = nasrec_tf.NASREC_SMALL.replace(
    num_blocks=1, dense_widths=(8,), sparse_widths=(4,), bits=(8,))
subnet = nasrec_tf.Subnet(space.widest, nasrec_tf.Features(dense=3, table_rows=(5, 9)))
batch = {"dense": np.ones((4, 3), "f"), "sparse": np.ones((4, 2), "int64")}
subnet(batch, training=True)
print(np.isfinite(subnet(batch).numpy()).all(), len(np.unique(subnet.values()["head"][
    "head_kernel"])) > 1)
"""


def test_importing_it_loads_nothing_heavy_and_leaves_the_environment_alone():
    program = """
import os, sys
before = dict(os.environ)
import nasrec_tf
nasrec_tf.Architecture, nasrec_tf.presets, nasrec_tf.complexity, nasrec_tf.draw_svg
print(dict(os.environ) == before)
print(*sorted({"tensorflow", "keras", "apache_beam", "pandas", "sklearn"} & set(sys.modules)))
"""
    assert printed_by(program) == ["True"]


@pytest.mark.parametrize(
    ("before", "question", "kept"),
    [
        ("import tensorflow as tf", "tf.keras.version() == keras.version()", "None"),
        (
            "os.environ['TF_USE_LEGACY_KERAS'] = '1'",
            "tf.keras.__name__.startswith('tf_keras')",
            "1",
        ),
    ],
    ids=["Keras 3, loaded first", "Keras 2, asked for"],
)
def test_keras_of_the_program_stays_what_it_is(before, question, kept):
    program = (
        f"import os\n{before}\nimport nasrec_tf\n{QUANTIZED_NETWORK}\n"
        "import keras\nimport tensorflow as tf\n"
        f"print({question}, os.environ.get('TF_USE_LEGACY_KERAS'))\n"
    )
    assert printed_by(program) == ["True", "True", "True", kept]


# load.


@pytest.fixture(scope="module")
def subnet():
    model = nasrec_tf.Subnet(SMALL.widest, FEATURES, SMALL_OPTIONS, seed=2)
    shake(model)
    return model


def test_load_reads_keras_files_and_files_of_weights(subnet, tmp_path):
    from nasrec_tf.networks.weights import save_weights

    inputs = raw_inputs(FEATURES, 8)
    subnet.save(tmp_path / "net.keras")
    save_weights(subnet, tmp_path / "net.npz")
    for name in ("net.keras", "net.npz"):
        loaded = nasrec_tf.load(tmp_path / name)
        assert loaded.architecture.blocks == subnet.architecture.blocks
        assert (loaded.features, loaded.options) == (FEATURES, SMALL_OPTIONS)
        np.testing.assert_array_equal(loaded(inputs), subnet(inputs))


@pytest.mark.parametrize(
    "name", ["absent", "absent.keras", "absent.npz", "log.txt", "", "bad.keras"]
)
def test_load_tells_in_one_line_what_it_cannot_read(tmp_path, name):
    (tmp_path / "log.txt").write_text("no network")
    (tmp_path / "bad.keras").write_bytes(b"PK no archive")
    with pytest.raises(UserError) as error:
        nasrec_tf.load(tmp_path / name)
    assert str(tmp_path / name) in str(error.value) and "\n" not in str(error.value)
