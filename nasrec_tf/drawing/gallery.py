"""The published architectures drawn, for the documentation: ``make docs``."""

import pathlib
import sys

from nasrec_tf.architecture.complexity import complexity
from nasrec_tf.architecture.presets import Preset, presets
from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.drawing.scene import draw_svg
from nasrec_tf.operators import DEFAULT_OPTIONS

PAGE = "gallery.md"
PICTURES = "gallery"
"""Directory of the pictures beside the page."""


def gallery() -> dict[str, str]:
    """The page and its pictures: text by path, relative to the documentation."""
    files = {f"{PICTURES}/{name}.svg": _picture(preset) for name, preset in presets().items()}
    parts = [
        "# The published architectures",
        "The six models of NASRec's Table 4 and Fig. 5-7, as `python -m nasrec_tf.draw` draws "
        "them.\n`make docs` writes this page.",
        *(_section(preset) for preset in presets().values()),
    ]
    files[PAGE] = "\n\n".join(parts) + "\n"
    return files


def _picture(preset: Preset) -> str:
    return draw_svg(preset.architecture, preset.name, preset.features)


def _section(preset: Preset) -> str:
    cost = complexity(preset.architecture, preset.features, DEFAULT_OPTIONS)
    return (
        f"## {preset.name}\n\n"
        f"{preset.features.dense} dense and {preset.features.sparse} sparse features, "
        f"{cost.mflops:.3f} M multiply-accumulates a sample; published log loss "
        f"{preset.log_loss:g},\nAUC {preset.auc:g}, {preset.mflops:g} M FLOPs.\n\n"
        f"![{preset.name}]({PICTURES}/{preset.name}.svg)"
    )


def main(directory: str) -> None:
    """Writes page and pictures.

    Args:
        directory: of the documentation.
    """
    for name, text in gallery().items():
        path = pathlib.Path(directory) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as file:
            file.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
