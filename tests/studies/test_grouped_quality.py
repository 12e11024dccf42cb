"""AUC within the groups that a data set brings, of a training whose test logits are kept."""

import types

import numpy as np
import pytest

from nasrec_tf.search.kept_logits import keep_logits
from nasrec_tf.studies.grouped_quality import GroupedQuality
from nasrec_tf.studies.kept_labels import TEST_LABELS
from nasrec_tf.studies.paired_intervals import paired_difference
from nasrec_tf.studies.rival_results import TEST_LOGITS
from nasrec_tf.studies.table_rows import measured
from nasrec_tf.training.grouped_auc import mean_grouped_auc

ROWS = 600


@pytest.fixture(params=[False, True], ids=["alike", "weighed"])
def judged(request, tmp_path):
    """Labels, logits, groups and weights of test rows, and what judges them."""
    rng = np.random.default_rng(0)
    labels, groups = rng.integers(0, 2, ROWS), rng.integers(0, 40, ROWS)
    logits = (labels + rng.normal(size=ROWS)).astype(np.float32)
    weights = rng.integers(1, 5, ROWS).astype(np.float32) if request.param else None
    (tmp_path / "seed").mkdir()
    np.savez(tmp_path / TEST_LABELS, labels=labels.astype(np.uint8))
    keep_logits(tmp_path / "seed", logits, TEST_LOGITS)
    run = types.SimpleNamespace(
        schema=types.SimpleNamespace(group="session", sparse=[]),
        records=types.SimpleNamespace(groups=lambda _: groups, weights=lambda _: weights),
        config=types.SimpleNamespace(seed=0),
    )
    return labels, logits, groups, weights, GroupedQuality(run, tmp_path), tmp_path


def test_rows_without_a_group_of_the_data_set_are_left_out(judged):
    labels, logits, groups, weights, judge, directory = judged
    found = judge.of(directory / "seed")
    assert found.auc == pytest.approx(mean_grouped_auc(labels, logits, groups, weights))
    assert judge.name == "session" and (groups == 0).any()


def test_resamples_of_groups_lie_about_the_figure_and_are_kept(judged):
    *_, judge, directory = judged
    found = judge.of(directory / "seed")
    low, high = np.quantile(found.aucs, [0.025, 0.975])
    assert low < found.auc < high and high - low < 0.2
    (directory / TEST_LABELS).unlink()
    assert judge.of(directory / "seed") == found


def test_a_few_groups_tell_no_model_from_another(judged):
    """Resamples of one group all say the same: whatever the difference, it was beyond chance."""
    *_, groups, _, judge, directory = judged
    groups %= 2  # in place; 0 is no group, so that one is left
    measured_ones = [
        measured([found], "auc", "aucs", has_seeds=False)
        for found in (judge.of(directory / "seed"), judge.of_constant())
    ]
    found = paired_difference(*measured_ones)
    assert found.value > 0.1 and found.interval is None and not found.is_beyond


def test_the_constant_prediction_orders_no_group(judged):
    judge = judged[-2]
    found = judge.of_constant()
    assert found.auc == 0.5 and set(found.aucs) == {0.5}
