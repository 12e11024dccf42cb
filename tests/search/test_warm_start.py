"""``--from``: a run on other rows of the same columns starts from a finished one."""

import dataclasses
import json

import numpy as np
import pytest
from search_calls import call, options, run_of

from nasrec_tf.search.warm_start import Source, start_of
from nasrec_tf.search.warm_start_note import WARM_START_FILE


def warm_options(source, directory, *further):
    """The command line of the small run on a log that has grown, from a finished one."""
    given = [*options(directory), "--from", source / "run", *further]
    given[given.index("--demo-rows") + 1] = 2500
    given[given.index("paper")] = "auto"
    return given


def only_winner(source, directory, *further):
    """The same without a search."""
    winner = source / "run" / "architecture.json"
    given = warm_options(source, directory, "--architecture", winner, *further)
    place = given.index("--refine")
    del given[place : place + 2]
    return given


@pytest.fixture(scope="module")
def begun(finished_run, tmp_path_factory):
    """A run that goes on with the winner alone, as far as its records."""
    directory = tmp_path_factory.mktemp("warm")
    said = call(*only_winner(finished_run, directory, "--stage", "records"))
    assert said.code == 0, said.err
    return directory


def words(run, field):
    """A vocabulary in the order of ids."""
    path = run.dataset / run.schema.sparse[field].vocabulary
    return path.read_bytes().split(b"\n")[:-1]


def test_passes_that_the_earlier_recipe_has_are_not_told_as_scaled(begun):
    """They were: five passes were announced, and the earlier run's two were made."""
    from nasrec_tf.search.scaling import explain

    run = run_of(begun)
    assert run.warm_start.recipe.epochs == run.expected_recipe.epochs == 2
    config = dataclasses.replace(run.config, recipe="auto", retrain_epochs=None)
    assert "retrain_epochs" not in " ".join(explain(config, run.settings, 1200))
    alone = dataclasses.replace(config, warm_start=None)
    assert "retrain_epochs 2 (the paper: 1)" in explain(alone, run.settings, 1200)


@pytest.mark.slow
def test_a_network_starts_with_what_the_earlier_run_knew(finished_run, begun):
    """Before training its rows of known values and all other weights are the earlier winner's."""
    from nasrec_tf.search.from_scratch import build
    from nasrec_tf.search.stages.retrain import load_winner

    source, run = run_of(finished_run), run_of(begun)
    recipe = run.warm_start.recipe_of_winner(run.config, None)
    assert recipe == source.recipe.replace(learning_rate=0.3 * 0.12)
    network, before = build(run, run.given_model, recipe, 9), load_winner(source)
    drawn = network.embedding.table.numpy().copy()
    start_of(run, run.given_model, recipe)(network)
    tables = [each.embedding.table.numpy() for each in (before, network)]
    starts = [np.cumsum((2, *each.features.table_rows)) for each in (source, run)]
    known = 0
    for field in range(len(run.schema.sparse)):
        places = {word: place for place, word in enumerate(words(source, field))}
        for place, word in enumerate(words(run, field)):
            row = starts[1][field] + place
            expected = drawn[row]
            if word in places:
                known += 1
                expected = tables[0][starts[0][field] + places[word]]
            np.testing.assert_array_equal(tables[1][row], expected)
    assert known > 100 and known < sum(run.features.table_rows) - 52
    for name, variable in before.named_weights().items():
        if name != "embedding/table":
            np.testing.assert_array_equal(network.named_weights()[name], variable)


@pytest.mark.slow
def test_a_supernet_starts_with_what_the_earlier_one_knew(finished_run, begun):
    """Tables that are capped, with other caps: the row of each table's most frequent values."""
    from nasrec_tf.search.stages.supernet import build, load
    from nasrec_tf.search.warm_start import continue_supernet

    source, run = run_of(finished_run), run_of(begun)
    model, before = build(source), load(source)
    continue_supernet(source_as(run, source), model)
    for variable, expected in zip(model.variables, before.variables):
        np.testing.assert_array_equal(variable, expected)


def source_as(run, source):
    """A run on the data of the source itself, which all ids are known of."""
    source.__dict__["warm_start"] = run.warm_start
    return source


def test_what_does_not_fit_is_said_before_anything_is_read(finished_run, tmp_path):
    def error(*further, given=warm_options):
        return call(*given(finished_run, tmp_path, *further)).error

    assert "--max-width" not in error("--space", "nasrec-full")
    assert "--space nasrec-full" in error("--space", "nasrec-full")
    assert "--blocks 3: the supernet of" in error("--blocks", 3)
    assert "--supernet-embedding-dim 24" in error("--supernet-embedding-dim", 24)
    assert "--embedding-dim 32: the network that has won" in error("--embedding-dim", 32)
    other = error("--architecture", "dlrm", given=only_winner)
    assert "--architecture dlrm" in other and "architecture.json" in other
    assert "goes with --distribute none" in error("--distribute", "mirrored")
    assert (
        "use another one"
        in call(*warm_options(finished_run, tmp_path), "--run-dir", finished_run / "run").error
    )
    nowhere = call(*options(tmp_path), "--from", tmp_path)
    assert "is no run directory" in nowhere.error
    assert not (tmp_path / "run").exists()


def test_other_columns_are_said_before_the_log_is_read(finished_run, tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("click,a,b\n" + "1,2,3\n0,3,4\n" * 200)
    given = only_winner(
        finished_run, tmp_path, "--data", log, "--dataset", "csv", "--label", "click"
    )
    place = given.index("--demo-rows")
    del given[place : place + 2]
    for more in ([], ["--plan"]):
        error = call(*given, *more).error
        assert f"{log}: dense column" in error
        assert "is missing, but is there in the data of" in error


@pytest.mark.slow
def test_an_earlier_run_that_has_changed_is_said(finished_run, begun):
    weights = Source(str(finished_run / "run")).weights
    note = begun / "run" / WARM_START_FILE
    kept = note.read_text()
    found = json.loads(kept)
    del found["checksum"]
    found["files"][str(weights)] |= {"changed": 0, "sha256": "0"}
    note.write_text(json.dumps(found))
    try:
        assert f"{weights}: has changed" in call(*only_winner(finished_run, begun)).error
    finally:
        note.write_text(kept)


@pytest.mark.slow
def test_a_run_goes_on_with_supernet_recipe_and_winner(finished_run, tmp_path):
    """Stopped in between or not, it comes to the same; the winner is trained before the others."""
    found = []
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
        given = warm_options(finished_run, tmp_path / name)
        if name == "stopped":
            for stage in ("records", "recipe", "supernet", "evolution"):
                assert call(*given, "--stage", stage).code == 0
        said = call(*given)
        assert said.code == 0, said.err
        run = tmp_path / name / "run"
        results = [
            json.loads((run / stage / "result.json").read_text())
            for stage in ("recipe", "supernet", "evolution", "retrain")
        ]
        for result in results:
            for key in ("seconds", "checksum"):
                del result[key]
        for attempt in results[3]["attempts"]:
            del attempt["seconds"]
        found.append((results, dict(np.load(run / results[3]["directory"] / "best.npz"))))
    (recipe, _, _, retrain), weights = found[0]
    first, count = retrain["attempts"][0], len(retrain["attempts"])
    assert recipe["trials"] == [] and (count, first["rank"]) in {(2, 1), (2, 2), (3, 3)}
    assert first["learning_rate"] == 0.036
    assert found[1][0] == found[0][0]
    for name, values in weights.items():
        np.testing.assert_array_equal(found[1][1][name], values)
