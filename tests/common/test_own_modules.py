"""``--import MODULE``: what a module of a user's own registers is known to every command."""

import contextlib
import pathlib
import re
import sys

import pytest

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.common.own_modules import digests, import_modules
from nasrec_tf.flops import main as flops
from nasrec_tf.networks.baselines import BASELINES
from nasrec_tf.operators import OPERATORS
from nasrec_tf.search.command import _config, _parser
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.trainable import SpaceModel, load_trainable
from nasrec_tf.strategies.known_strategies import STRATEGIES
from nasrec_tf.studies.comparison import Comparison
from nasrec_tf.studies.config import CompareConfig
from nasrec_tf.studies.contenders import Contender

SHAPE = ("--dense-features", "3", "--sparse-features", "5")
PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "extending.md"


@contextlib.contextmanager
def forgotten(registry, *names):
    """Takes back what a test has registered and imported."""
    path = list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = path
        for name in names:
            registry.pop(name, None)
            sys.modules.pop(name, None)


def page_module(directory, name, text):
    """A module of the page that holds a text, written to a file."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    path = directory / f"{name}.py"
    path.write_text(next(block for block in blocks if text in block), encoding="utf-8")
    return str(path)


@pytest.fixture
def greedy(tmp_path):
    """The file of the page's strategy."""
    with forgotten(STRATEGIES, "greedy"):
        yield page_module(tmp_path, "greedy", "class Greedy")


def test_a_comparison_trains_a_model_of_ones_own_anew_once_its_file_was_edited(tmp_path):
    def directory():
        with forgotten(BASELINES, "fwfm"):
            import_modules([path])
            return Contender("fwfm:narrow", load_trainable("fwfm:narrow")).directory

    path = page_module(tmp_path, "fwfm", "class FwFM")
    before = directory()
    assert directory() == before
    file = pathlib.Path(path)
    file.write_text(file.read_text().replace("return first +", "return 2 * first +"))
    assert directory() != before
    assert Contender("fm", load_trainable("fm")).directory.count("-") == 1


def test_a_comparison_trains_operators_of_ones_own_anew_once_their_file_was_edited(tmp_path):
    block = Block({"squared": 16}, {"efc": 16}, (0,), (0,))

    def directory():
        with forgotten(OPERATORS, "squared"):
            import_modules([path])
            return Contender("found", SpaceModel(Architecture((block,)))).directory

    path = page_module(tmp_path, "squared", "class Squared")
    before = directory()
    assert directory() == before
    file = pathlib.Path(path)
    file.write_text(file.read_text() + "# edited\n")
    assert directory() != before


def test_the_command_that_a_comparison_shows_imports_what_it_needs():
    config = CompareConfig("run", models="fwfm", imports=("models/fwfm.py",))
    words = Comparison(
        config, Run(SearchConfig(run_dir="run"), RunDirectory("run"))
    ).command.split()
    assert words[3:5] == ["--import", "models/fwfm.py"] and words.count("--models") == 1


def test_a_command_knows_what_an_imported_module_registers(tmp_path, capsys):
    path = page_module(tmp_path, "fwfm", "class FwFM")
    with forgotten(BASELINES, "fwfm"):
        assert flops(["fwfm", *SHAPE]) == 2
        assert "one of your own by --import MODULE" in capsys.readouterr().err
        assert flops(["fwfm", *SHAPE, "--import", path]) == 0
        assert "multiply-accumulates" in capsys.readouterr().out
        assert flops([f"--import={path}", "fwfm", *SHAPE]) == 0


def test_a_strategy_of_ones_own_is_an_option_wherever_the_import_stands(greedy):
    with pytest.raises(UserError, match="--strategy must be one of .*; one of your own by"):
        _config(_parser().parse_args(["--strategy", "greedy"]))
    config, _ = _config(_parser().parse_args(["--strategy", "greedy", "--import", greedy]))
    assert config.strategy == "greedy" and config.imports == (greedy,)


def test_a_file_of_options_imports_what_it_names(greedy, tmp_path):
    file = tmp_path / "options.toml"
    file.write_text(f'imports = "{greedy}"\nstrategy = "greedy"\n')
    config, _ = _config(_parser().parse_args(["--config", str(file)]))
    assert config.strategy == "greedy"


def test_modules_of_a_file_that_are_no_texts_are_one_line(tmp_path):
    file = tmp_path / "options.toml"
    for value in ("5", "[5]", "true"):
        file.write_text(f"imports = {value}\n")
        with pytest.raises(UserError, match="--import must be a text or several"):
            _config(_parser().parse_args(["--config", str(file)]))


def test_a_registered_optimizer_is_an_option(tmp_path):
    from nasrec_tf.optimizers.catalogue import OPTIMIZERS

    path = page_module(tmp_path, "sgd", "class Sgd")
    with pytest.raises(UserError, match="--optimizer must be one of .*; one of your own by"):
        SearchConfig(optimizer="sgd")
    with forgotten(OPTIMIZERS, "sgd"):
        import_modules([path])
        assert SearchConfig(optimizer="sgd").recipe_changes() == {"optimizer": "sgd"}


def test_a_run_names_what_it_needs_and_is_not_called_damaged(greedy, tmp_path):
    import_modules([greedy])
    directory = RunDirectory(tmp_path / "run")
    config = SearchConfig(run_dir=str(directory.path), imports=(greedy,), strategy="greedy")
    with directory.opened(config):
        pass
    assert RunDirectory(directory.path).stored_config() == config
    del sys.modules["greedy"], STRATEGIES["greedy"]
    with pytest.raises(RunError) as caught:
        RunDirectory(directory.path).stored_config()
    assert f"was made with --import {greedy}: give that here" in str(caught.value)
    assert "damaged" not in str(caught.value)


def test_modules_may_change_from_one_call_to_the_next(greedy, tmp_path):
    import_modules([greedy])
    directory = RunDirectory(tmp_path / "run")
    begun = SearchConfig(run_dir=str(directory.path))
    with directory.opened(begun):
        pass
    (directory.path / "records").mkdir()
    with directory.opened(SearchConfig(run_dir=str(directory.path), imports=(greedy,))):
        pass


def test_a_module_is_imported_once_and_its_digest_is_that_of_its_file(greedy, tmp_path):
    import_modules([greedy, greedy])
    import_modules([str(pathlib.Path(greedy).parent / "." / "greedy.py")])
    before = digests([greedy])
    assert list(before) == [greedy]
    with open(greedy, "a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert digests([greedy]) != before


FAULTS = {
    "missing.py": (None, "no such file"),
    "text.txt": ("x = 1", "is no Python file"),
    "grammar.py": ("x = 1\ndef f(:\n", r"grammar\.py, line 2: SyntaxError"),
    "fails.py": ("\nx = missing_name\n", r"fails\.py, line 2: NameError: name 'missing_name'"),
    "leaves.py": ("import sys\nsys.exit(3)\n", r"leaves\.py, line 2: SystemExit: 3"),
    "needs.py": ("import no_such_package\n", r"needs\.py, line 1: ModuleNotFoundError: No module"),
    "json.py": ("x = 1", "a module 'json' is loaded already"),
    "taken.py": (
        "from nasrec_tf.strategies.known_strategies import *\n"
        "register_strategy('random', RandomSearch)\n",
        r"taken\.py, line 2: ValueError: a strategy 'random' is registered already",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_imported_is_told_in_a_line(name, tmp_path, capsys):
    content, said = FAULTS[name]
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(SystemExit) as caught, forgotten({}):
        flops(["deepfm", "--import", str(path)])
    err = capsys.readouterr().err
    assert caught.value.code == 2 and re.search(said, err) and err.count("\n") == 1
    assert name.partition(".")[0] == "json" or path.stem not in sys.modules


@pytest.mark.parametrize("name", ["squarred", "nasrec_tf.squarred", "no_such_package.squared"])
def test_a_name_that_is_no_module_says_where_it_was_looked_for(name):
    with pytest.raises(UserError, match="no such module on Python's path.*give the path"):
        import_modules([name])
