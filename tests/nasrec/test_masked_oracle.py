"""The supernet's active slices compute what the paper defines by masks (Eq. 1 to 4)."""

import numpy as np
from core_cases import random_architectures, raw_inputs
from masked_supernet import MaskedSupernet

ARCHITECTURES = 25


def test_paths_equal_the_masked_supernet(supernet, path_logits):
    masked = MaskedSupernet(supernet)
    for seed, architecture in enumerate(random_architectures(supernet.space, ARCHITECTURES, 17)):
        inputs = raw_inputs(supernet.features, 6, seed)
        expected = masked(inputs, architecture)
        found = path_logits(inputs, architecture)
        scale = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * scale)


def test_a_split_supernet_really_is_split(supernet, request):
    groups = [len(groups) for part in supernet.parts.values() for groups in part.groups.values()]
    assert (max(groups) > 1) == ("split" in request.node.callspec.params["supernet"])
