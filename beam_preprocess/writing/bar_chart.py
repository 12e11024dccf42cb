"""Bar charts as SVG text: the same bytes everywhere, and no plotting library on the workers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from beam_preprocess.common.shown_name import name_width, shown_name

_BAR_HEIGHT = 16
_LETTER_WIDTH = 6.5
_LEAST_LABEL_WIDTH = 150
_MOST_LETTERS = 40
_BAR_WIDTH = 330
_VALUE_WIDTH = 110
_TITLE_HEIGHT = 28
_FILL = "#4878a8"


def bar_chart(
    bars: Sequence[tuple[str, float]], title: str, form: str, *, logarithmic: bool = False
) -> str:
    """Horizontal bars.

    Args:
      bars: (label, value), values at least 0.
      title: Shown above.
      form: Format of the values shown, such as ``"{:,}"``.
      logarithmic: Bar lengths follow ln(1 + value).
    """
    lengths = [math.log1p(value) if logarithmic else value for _, value in bars]
    longest = max(lengths, default=0) or 1
    names = [shown_name(label, _MOST_LETTERS) for label, _ in bars]
    letters = max(map(name_width, names), default=0)
    left = max(_LEAST_LABEL_WIDTH, round(letters * _LETTER_WIDTH) + 12)
    width = left + _BAR_WIDTH + _VALUE_WIDTH
    title = shown_name(title, int((width - 12) / (_LETTER_WIDTH * 1.2)))
    height = _TITLE_HEIGHT + len(bars) * _BAR_HEIGHT + 6
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="6" y="17" font-size="13">{escape(title)}</text>',
    ]
    for index, (name, (_, value), length) in enumerate(zip(names, bars, lengths, strict=True)):
        top = _TITLE_HEIGHT + index * _BAR_HEIGHT
        bar = _BAR_WIDTH * length / longest
        lines += [
            f'<text x="{left - 6}" y="{top + 12}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{left}" y="{top + 2}" width="{bar:.1f}" height="{_BAR_HEIGHT - 4}" '
            f'fill="{_FILL}"/>',
            f'<text x="{left + bar + 4:.1f}" y="{top + 12}">{escape(form.format(value))}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])
