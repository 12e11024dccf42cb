"""What holds for a whole network, whatever its architecture."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from nasrec_tf.common.value_checks import is_whole

CHANNEL = "channel"
TENSOR = "tensor"

NO_NORM, BY_LAYER, BY_BATCH = NORMALIZATIONS = ("none", "layer", "batch")
"""How operators normalise what they give."""


@dataclasses.dataclass(frozen=True)
class NetworkOptions:
    """What holds for a whole network, whatever its architecture.

    Args:
        embedding_dim: width of every embedding and so of every sparse token, those that the
            dense-to-sparse merger makes among them: 16 in the paper, a multiple of the heads.
        normalization: ``"layer"`` to normalise inside each operator as the paper does (5.1),
            ``"batch"`` to do so over a batch (a stand-alone network alone), or ``"none"``, where
            linear maps have a bias instead.
        operator_balancing: project the tokens of a dot product to round(sqrt(2 * width)) first
            (paper 4.2).
        attention_heads: heads of the attention operator; must divide ``embedding_dim``.
        merged_tokens: tokens that the dense-to-sparse merger appends.
        weight_ranges: whether the weights of a quantized map have one range per output
            ``"channel"`` or one for the whole ``"tensor"``.

    Raises:
        ValueError: if a value is not in range.
    """

    embedding_dim: int = 16
    normalization: str = BY_LAYER
    operator_balancing: bool = True
    attention_heads: int = 8
    merged_tokens: int = 8
    weight_ranges: str = CHANNEL

    def __post_init__(self):
        for field in ("embedding_dim", "attention_heads", "merged_tokens"):
            value = getattr(self, field)
            if not is_whole(value, low=1):
                raise ValueError(f"`{field}` must be a positive integer. Received: {value!r}")
        if self.normalization not in NORMALIZATIONS:
            raise ValueError(
                f"`normalization` must be one of {', '.join(map(repr, NORMALIZATIONS))}. "
                f"Received: {self.normalization!r}"
            )
        if self.weight_ranges not in (CHANNEL, TENSOR):
            raise ValueError(
                f"`weight_ranges` must be {CHANNEL!r} or {TENSOR!r}. "
                f"Received: {self.weight_ranges!r}"
            )
        if self.embedding_dim % self.attention_heads:
            raise ValueError(
                f"`attention_heads` must divide `embedding_dim`. Received: "
                f"attention_heads={self.attention_heads}, embedding_dim={self.embedding_dim}"
            )

    @property
    def layer_norm(self) -> bool:
        """Whether it is layer norm that operators normalise by."""
        return self.normalization == BY_LAYER

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "NetworkOptions":
        """The options that ``dataclasses.asdict`` told, also before there was batch norm.

        Args:
            values: options by name; files of before say ``layer_norm``, true or false.

        Raises:
            ValueError: if a value is not in range.
            TypeError: if there is no such option.

        Example:
            >>> NetworkOptions.from_json({"layer_norm": False}).normalization
            'none'
        """
        values = dict(values)
        if "layer_norm" in values:
            values["normalization"] = BY_LAYER if values.pop("layer_norm") else NO_NORM
        return cls(**values)


DEFAULT_OPTIONS = NetworkOptions()
