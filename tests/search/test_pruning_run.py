"""Runs that prune what they have found, stopped in between or not."""

import pytest
from search_calls import call

import nasrec_tf
from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.networks.pruning.prune_settings import PruneSettings
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.mlflow_log import _figures
from nasrec_tf.search.results import PruneResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.ticket_trainings import TicketTrainings
from nasrec_tf.search.trainable import SpaceModel
from nasrec_tf.studies.contenders import exported_otherwise
from nasrec_tf.studies.draw_command import _drawn
from nasrec_tf.studies.run_figures import figures_of

ARCHITECTURE = Architecture(
    (Block({"fc": 24}, {"efc": 8}, (0,), (0,), dense_to_sparse=True, sparse_to_dense=True),)
)


@pytest.fixture(scope="module")
def arguments(finished_run, tmp_path_factory):
    """A run that has trained the architecture above and is about to prune it."""
    directory = tmp_path_factory.mktemp("pruned")
    ARCHITECTURE.save(directory / "architecture.json")
    arguments = [
        *("--data", finished_run / "run" / "records" / "dataset"),
        *("--run-dir", directory / "run", "--export-dir", directory / "models"),
        *("--architecture", directory / "architecture.json", "--recipe", "paper"),
        *("--retrain-epochs", "1", "--batch-size", "64", "--seed", "3", "--quiet"),
        *("--prune", "mask", "--prune-iterations", "1", "--prune-options", "what=units,share=0.5"),
    ]
    for stage in ("records", "supernet", "evolution", "retrain"):
        said = call(*arguments, "--stage", stage)
        assert said.code == 0, said.err
    return arguments


class Stopped(Exception):
    pass


def assert_the_report_tells_of_it(directory, result):
    page = (directory.path / "report.html").read_text()
    assert "50% of what was left went (whole units, those of the lowest masks" in page
    assert all(f"{each.validation.log_loss:.5f}" in page for each in result.trainings)
    assert f"{result.mflops_before:.4f}" in page and f"{result.parameters:,}" in page


def assert_lists_tell_what_is_left(directory, result):
    """It is what is exported; the winner's figures are another network's."""
    run = Run(directory.stored_config(), directory, quiet=True)
    logged = {name: value for name, [(_, value), *_] in _figures(run).items()}
    assert logged["test log loss"] == result.test.log_loss
    assert logged["million multiply-accumulates"] == result.mflops < result.mflops_before
    listed = figures_of(directory.path, "run")
    assert listed.test == result.test and listed.model.endswith(", pruned")
    assert (listed.mflops, listed.parameters) == (result.mflops, result.parameters)
    assert _drawn(str(directory.path)).architecture == result.architecture.architecture
    assert exported_otherwise(run) == "a pruned network"


def loss_on_test(run, model):
    from nasrec_tf.training.evaluation import Predictor, quality

    labels, logits = Predictor(model, run.records)("test")
    return quality(labels, logits, run.records.weights("test")).log_loss


def test_a_pruning_goes_on_where_it_was_stopped_and_leaves_a_smaller_network(arguments):
    directory = RunDirectory(arguments[3])
    run = Run(directory.stored_config(), directory, quiet=True)

    def stop(iteration, network):
        if iteration == 1:
            raise Stopped

    trainings = TicketTrainings(
        *(run, SpaceModel(ARCHITECTURE), run.recipe, run.config.prune_settings()),
        directory.stage("prune"),
        judge=stop,
    )
    with pytest.raises(Stopped):
        trainings()
    before = (directory.path / "prune" / "training-0" / "figures.json").read_bytes()
    said = call(*arguments, "--stage", "prune")
    assert said.code == 0, said.err
    assert (directory.path / "prune" / "training-0" / "figures.json").read_bytes() == before
    result = directory.finished("prune", PruneResult)
    assert [each.left for each in result.trainings] == [1.0, 0.5]
    assert result.mflops == result.trainings[-1].mflops < 0.8 * result.mflops_before
    model = nasrec_tf.load(directory.path).model
    assert model.architecture == result.architecture.architecture
    assert model.architecture.unpruned() == ARCHITECTURE and model.architecture.is_pruned
    assert sum(v.numpy().size for n, v in model.named_weights().items() if "table" not in n) == (
        result.parameters
    )
    assert result.validation == result.trainings[-1].validation
    assert loss_on_test(run, model) == pytest.approx(result.test.log_loss, abs=1e-6)
    assert_the_report_tells_of_it(directory, result)
    assert_lists_tell_what_is_left(directory, result)
    assert not list(directory.path.glob("prune/*/checkpoint"))
    assert [path.parent.name for path in directory.path.glob("prune/training-*/best.npz")] == [
        "training-1"
    ]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--prune-iterations", "2"), "--prune-iterations goes with --prune, which is missing."),
        (("--prune", "mask", "--ensemble", "2"), "--ensemble does not go with --prune"),
        (
            ("--prune", "mask", "--prune-options", "what=units", "--normalization", "layer"),
            "--prune-options what=units goes without layer norm",
        ),
        (("--prune", "mask", "--architecture", "deepfm"), "deepfm: is a hand-made model, which"),
    ],
)
def test_what_cannot_be_pruned_is_told_before_any_work(given, told, tmp_path):
    said = call("--run-dir", tmp_path / "run", "--export-dir", tmp_path / "models", *given)
    assert told in said.error
    assert not (tmp_path / "run").exists()


def test_a_run_prunes_after_retraining_and_where_it_is_asked_to():
    assert "prune" not in SearchConfig().stages
    stages = SearchConfig(prune="mask").stages
    assert stages.index("retrain") < stages.index("prune") < stages.index("export")


def test_trainings_begin_alike_unless_they_are_not_to(arguments, tmp_path):
    """A share of which nothing goes leaves trainings that differ by what they begin with alone."""
    path = arguments[arguments.index("--run-dir") + 1]
    directory = RunDirectory(path)
    run = Run(directory.stored_config(), directory, quiet=True)
    losses = {}
    for rewind in (True, False):
        settings = PruneSettings("magnitude", 1, share=0.0001, rewind=rewind)
        place = tmp_path / str(rewind)
        place.mkdir()
        trainings = TicketTrainings(run, SpaceModel(ARCHITECTURE), run.recipe, settings, place)
        figures = trainings()
        assert [each.left for each in figures] == [1.0, 1.0]
        losses[rewind] = [each.validation.log_loss for each in figures]
    assert losses[True][0] == losses[True][1]
    assert losses[False][0] != losses[False][1]


def test_each_pruning_goes_on_from_the_ticket_before(arguments, tmp_path):
    directory = RunDirectory(arguments[arguments.index("--run-dir") + 1])
    run = Run(directory.stored_config(), directory, quiet=True)
    model, settings = SpaceModel(ARCHITECTURE), PruneSettings("random", 2, share=0.5)
    trainings = TicketTrainings(run, model, run.recipe, settings, tmp_path)
    figures = trainings()
    assert [round(each.left, 2) for each in figures] == [1.0, 0.5, 0.25]
    tickets = [trainings._model(iteration).ticket for iteration in range(3)]
    assert all(not (tickets[2][path] & ~tickets[1][path]).any() for path in tickets[1])
    whole = run.model_cost(model, run.recipe).mflops
    assert figures[0].mflops == whole
    # A weight that is 0 is skipped as often as a sample passes it: once, or once for each element
    # of the embeddings.
    for ticket, figure in zip(tickets, figures):
        skipped = 0
        for path, left in ticket.items():
            passes = run.recipe.embedding_dim if path == "block_1_efc/tokens" else 1
            skipped += passes * int((~left).sum())
        assert figure.mflops == pytest.approx(whole - skipped / 1e6)
