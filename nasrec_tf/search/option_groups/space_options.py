"""What a search may find."""

import dataclasses

from nasrec_tf.architecture.blocks import MAX_WIDTH
from nasrec_tf.search.options import OF_LIMITS, SPACE, option


@dataclasses.dataclass(frozen=True)
class SpaceOptions:
    """What a search may find."""

    space: str = option(
        "nasrec-full",
        SPACE,
        "nasrec-small, nasrec-full, nasrec-ranking, nasrec-codesign, or a TOML or JSON file",
        path=True,
        content=True,
        of_choice=True,
    )
    blocks: int | None = option(
        None,
        SPACE,
        "choice blocks (7; down to 4 for fewer than a million training rows)",
        least=1,
        most=1000,
    )
    max_width: int | None = option(
        None, SPACE, "widest dense operator (the space's; 256 for fewer than a million training "
        "rows)", least=1, before=MAX_WIDTH,
    )  # fmt: skip
    operators: str | None = option(
        None, SPACE, "a single operator per branch (default), or any subset",
        choices=("single", "any"),
    )  # fmt: skip
    max_sources: int | None = option(
        None, SPACE, "cap on the sources of a branch (default: none; the authors' code: 4)", least=1
    )
    dense_embeddings: str | None = option(
        None, SPACE, "flattened embeddings beside the dense features in dense source 0: never (the "
        "paper), always, or any: architectures choose (the space's own; any where there are no "
        "dense features)", choices=("never", "always", "any"), of_choice=True,
    )  # fmt: skip
    max_mflops: float | None = option(
        None,
        SPACE,
        "only consider architectures of at most so many million multiply-accumulates",
        **OF_LIMITS,
    )
    architecture: str | None = option(
        None,
        SPACE,
        "train and export this one instead of searching: a preset, a JSON file, or a hand-made "
        "model such as deepfm or deepfm:bars, or a file of its options (docs/baselines.md)",
        path=True,
        content=True,
        of_choice=True,
    )
