"""What a comparison keeps of the test split for analyses of the user's own."""

import numpy as np
import pytest

from nasrec_tf.studies.kept_labels import TEST_LABELS, keep_labels, kept_labels


@pytest.mark.parametrize("weights", [None, np.float32([0.5, 2.0, 0.5])])
def test_labels_are_kept_and_weights_where_rows_count_differently(tmp_path, weights):
    keep_labels(tmp_path, np.float32([0, 1, 1]), weights)
    assert kept_labels(tmp_path).tolist() == [0, 1, 1]
    with np.load(tmp_path / TEST_LABELS) as file:
        assert sorted(file) == ["labels"] if weights is None else ["labels", "weights"]
        assert weights is None or file["weights"].tolist() == weights.tolist()
