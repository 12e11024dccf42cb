"""Small baselines of every kind that the tests share."""

from nasrec_tf.networks.baselines import baseline

SMALL = {
    "lr": {},
    "fm": {"embedding_dim": 4, "dense_fields": "vectors"},
    "wide_deep": {"hidden": (8, 6), "embedding_dim": 4, "dense_fields": "raw"},
    "dlrm": {"bottom": (8,), "top": (8, 6), "embedding_dim": 4},
    "deepfm": {"hidden": (8, 6), "embedding_dim": 4, "dense_fields": "vectors"},
    "xdeepfm": {"hidden": (8,), "cin": (6, 4), "embedding_dim": 4, "cin_split": True},
    "autoint": {
        "hidden": (8,),
        "attention_layers": 2,
        "attention_dim": 8,
        "embedding_dim": 4,
        "layer_norm": "after",
        "dense_fields": "token",
        "wide": True,
    },
    "dcnv2": {"hidden": (8,), "cross_layers": 2, "rank": 3, "experts": 2, "embedding_dim": 4},
    "finalmlp": {
        "hidden_1": (8, 6),
        "hidden_2": (9,),
        "heads": 3,
        "gate_hidden": (5,),
        "context_1": ("C2",),
        "context_2": ("C3", "C1"),
        "embedding_dim": 4,
    },
    "block_graph": {
        "blocks": ("mlp 8: sparse", "dot: sparse 1", "fm: sparse 2", "mlp 6: 2 3"),
        "embedding_dim": 4,
    },
    "profit": {
        "hidden": (8,),
        "order": 3,
        "rank": 2,
        "embedding_dim": 4,
        "dense_fields": "vectors",
    },
}
"""Options of a small model of each kind, by its name."""


def small(name, **options):
    """A small model of that kind."""
    return baseline(name, **SMALL[name] | options)
