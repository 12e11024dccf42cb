"""Which part of a search with workers a process plays, as its environment says."""

import pytest

from nasrec_tf.common.errors import UserError
from nasrec_tf.strategies.oracle import search_part

CHIEF = {search_part.ADDRESS: "127.0.0.1", search_part.PORT: "9"}


@pytest.mark.parametrize(
    ("environment", "chief", "worker"),
    [
        ({}, False, False),
        ({search_part.NAME: "chief"}, False, False),
        ({**CHIEF, search_part.NAME: "chief"}, True, False),
        ({**CHIEF, search_part.NAME: "chief-0"}, True, False),
        ({**CHIEF, search_part.NAME: "worker_0"}, False, True),
    ],
)
def test_the_environment_decides_as_kerastuner_does(monkeypatch, environment, chief, worker):
    from keras_tuner.src.distribute import utils

    set_alone(monkeypatch, environment)
    assert (search_part.is_search_chief(), search_part.is_search_worker()) == (chief, worker)
    assert utils.has_chief_oracle() == (chief or worker)
    assert bool(utils.is_chief_oracle()) == chief


@pytest.mark.parametrize("missing", [search_part.PORT, search_part.NAME])
def test_what_the_environment_lacks_is_named(monkeypatch, capsys, tmp_path, missing):
    from nasrec_tf.search import main

    whole = {**CHIEF, search_part.NAME: "chief"}
    set_alone(monkeypatch, {name: value for name, value in whole.items() if name != missing})
    for part in (search_part.is_search_chief, search_part.is_search_worker):
        with pytest.raises(UserError, match=missing):
            part()
    assert main(["--demo-rows", "1000", "--run-dir", str(tmp_path / "run")]) == 2
    assert missing in capsys.readouterr().err


def set_alone(monkeypatch, environment):
    """Leaves of KerasTuner's variables the given ones alone."""
    for name in (search_part.ADDRESS, search_part.PORT, search_part.NAME):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
