"""PROFIT's search: finds what is planted, is stopped, gone on with, extended, and refused."""

import itertools
import json
import shutil
import types

import numpy as np
import pytest
from search_calls import call

from nasrec_tf.networks.baselines import load_baseline
from nasrec_tf.study import main
from nasrec_tf.training.product_training import ProductTrainer

OPTIONS = ("--rank", "2", "--keep", "3", "--quiet")


@pytest.fixture(scope="module")
def run(finished_run, tmp_path_factory):
    directory = tmp_path_factory.mktemp("products") / "run"
    shutil.copytree(finished_run / "run", directory)
    return directory


def search(run, *more):
    return main(["products", "--run-dir", str(run), *OPTIONS, *more])


def factors(directory):
    """What the products of each order weigh."""
    files = sorted(directory.glob("order-*.json"))
    return {file.stem: np.array(json.loads(file.read_text())["factors"]) for file in files}


@pytest.fixture(scope="module")
def found(run):
    """The directory of a search of two orders, and what the products weigh in it."""
    assert search(run, "--order", "3") == 0
    directory = run / "products" / "rank-2-0"
    return directory, factors(directory)


def test_the_products_that_weigh_most_are_a_file_of_a_hand_made_model(found):
    directory, betas = found
    kept = load_baseline(directory / "found.json").products
    wanted = set()
    for order in (2, 3):
        beta = betas[f"order-{order}"]
        assert beta.shape == (2, 26)
        weights = {
            each: beta[:, each].prod(axis=1).sum()
            for each in itertools.combinations(range(26), order)
        }
        heaviest = sorted(weights, key=lambda each: -abs(weights[each]))[:3]
        wanted |= {" ".join(f"C{place + 1}" for place in each) for each in heaviest}
    assert set(kept) == wanted and len(kept) == 6


def test_the_next_order_goes_on_from_the_weights_and_leaves_what_is_learnt(found):
    directory, betas = found
    with np.load(directory / "order-3" / "best.npz") as weights:
        for order, beta in betas.items():
            learnt = weights[f"interaction/{order.replace('-', '_')}"]
            np.testing.assert_array_equal(learnt, beta.astype(np.float32))


def test_weights_of_finished_orders_are_not_left_beside_those_that_go_on(found):
    directory, _ = found
    assert [file.parent.name for file in directory.glob("order-*/best.npz")] == ["order-3"]
    assert not list(directory.glob("order-*/checkpoint"))


@pytest.mark.slow
def test_a_search_that_is_stopped_within_an_order_comes_to_the_same(
    run, found, tmp_path, monkeypatch, capsys
):
    from nasrec_tf.studies import product_search

    out, asked = ["--out", str(tmp_path)], []

    def over_at_the_fourth():
        asked.append(None)
        return float("inf") if len(asked) > 3 else 0.0

    with monkeypatch.context() as patch:
        clock = types.SimpleNamespace(monotonic=over_at_the_fourth)
        patch.setattr(product_search, "time", clock)
        assert search(run, "--order", "3", *out) == 0
    assert "the same command goes on" in capsys.readouterr().out
    assert (tmp_path / "order-2" / "checkpoint").is_dir() and not factors(tmp_path)

    def interrupted(trainer, batches, count):
        raise KeyboardInterrupt

    assert search(run, "--order", "2", *out) == 0
    with monkeypatch.context() as patch:
        patch.setattr(ProductTrainer, "steps", interrupted)
        assert search(run, "--order", "3", *out) == 130
    assert search(run, "--order", "3", *out) == 0
    for order, beta in found[1].items():
        np.testing.assert_array_equal(factors(tmp_path)[order], beta)
    one, other = (load_baseline(each / "found.json") for each in (found[0], tmp_path))
    assert one == other


def test_other_numbers_are_kept_without_another_training(run, found, monkeypatch, capsys):
    monkeypatch.setattr(ProductTrainer, "steps", None)
    before = load_baseline(found[0] / "found.json").products
    try:
        assert search(run, "--order", "2", "--keep", "1") == 0
        assert set(load_baseline(found[0] / "found.json").products) < set(before)
    finally:
        assert search(run, "--order", "3") == 0
    assert load_baseline(found[0] / "found.json").products == before
    assert "found.json" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--order", "1"], ["--order", "1"]),
        (["--order", "11"], ["--order", "11"]),
        (["--order", "9"], ["--order 9", "3,124,550 products", "26 fields"]),
        (["--rank", "0"], ["--rank", "0"]),
        (["--keep", "0"], ["--keep", "0"]),
        (["--keep", "326"], ["--keep 326", "325 products of order 2"]),
        (["--epochs", "0"], ["--epochs", "0"]),
        (["--epochs", "2"], ["--epochs 1, not 2", "--out"]),
        (["--rate", "0"], ["--rate", "0"]),
        (["--rate", "nan"], ["--rate", "nan"]),
        (["--seed", "-1"], ["--seed", "-1"]),
        (["--model", "deepfm"], ["--model", "deepfm"]),
        (["--model", "luck"], ["'luck'"]),
        (["--minutes", "0"], ["--minutes"]),
        (["--run-dir", "nowhere"], ["nowhere", "--run-dir"]),
    ],
)
def test_what_cannot_be_asked_for_is_one_line(run, found, more, told, capsys, monkeypatch):
    from nasrec_tf.networks.baselines import ranked_products

    monkeypatch.setattr(ranked_products, "MOST_PRODUCTS", 2_000_000)
    assert search(run, "--out", str(found[0]), *more) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and all(part in message for part in told), message


def test_a_search_starts_from_a_model_without_products(run, found, capsys):
    assert search(run, "--model", str(found[0] / "found.json")) == 2
    assert "`products`" in capsys.readouterr().err


# Planted products.

FIELDS = "abcdef"
ROWS = 6000


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A run on a log whose clicks follow from a x d and from b x e x f, and else from luck."""
    directory, rng = tmp_path_factory.mktemp("planted"), np.random.default_rng(0)
    ids = rng.integers(8, size=(ROWS, len(FIELDS)))
    signs = np.stack([rng.permutation([-1, 1] * 4)[column] for column in ids.T])
    a, b, _, d, e, f = signs
    clicks = rng.random(ROWS) < 1 / (1 + np.exp(-2.0 * (a * d + b * e * f)))
    lines = [",".join(["click", *FIELDS])]
    lines += [",".join([f"{click:d}", *map(str, row)]) for click, row in zip(clicks, ids)]
    (directory / "log.csv").write_text("\n".join(lines) + "\n")
    (directory / "recipe.toml").write_text(
        "learning_rate = 0.1\nrow_decay = 0.0\nbatch_size = 64\nepochs = 1\n"
        "embedding_dim = 8\ninitial_deviation = 0.3\n"
    )
    said = call(
        *["--architecture", "fm", "--recipe", str(directory / "recipe.toml"), "--no-explain"],
        *["--data", str(directory / "log.csv"), "--dataset", "csv", "--label", "click"],
        *["--sparse", ",".join(FIELDS), "--seed", "1", "--quiet"],
        *["--run-dir", str(directory / "run"), "--export-dir", str(directory / "models")],
    )
    assert said.code == 0, said.err
    return directory


@pytest.mark.slow
def test_a_search_finds_what_is_planted(planted, capsys):
    """By a network that is linear but for its products, which could not tell it otherwise.

    Not by every seed: docs/strategies.md says how often.
    """
    model = planted / "linear.toml"
    model.write_text('model = "profit"\nhidden = []\n')
    more = ["--order", "3", "--rank", "4", "--keep", "1", "--epochs", "20", "--model", str(model)]
    assert search(planted / "run", *more) == 0
    kept = load_baseline(planted / "run" / "products" / "rank-4-0" / "found.json")
    assert kept.products == ("C1 C4", "C2 C5 C6") and kept.hidden == ()
    said = capsys.readouterr().out
    assert "a x d" in said and "b x e x f" in said
