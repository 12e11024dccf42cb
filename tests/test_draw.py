"""The drawing of an architecture: what is live is drawn, readable, and nothing else."""

import dataclasses
import io
import itertools
import math
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasrec_tf import draw
from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.architecture.presets import presets
from nasrec_tf.architecture.space import NASREC_FULL, NASREC_SMALL
from nasrec_tf.data.features import Features
from nasrec_tf.drawing import theme
from nasrec_tf.drawing.bitmap import painted
from nasrec_tf.drawing.gallery import gallery
from nasrec_tf.drawing.scene import draw_svg
from nasrec_tf.operators import DENSE, OPERATORS, PAIR, SPARSE

SVG = "{http://www.w3.org/2000/svg}"
SPACES = [
    space.replace(num_blocks=blocks, operators=operators, dense_embeddings="any")
    for space in (NASREC_SMALL, NASREC_FULL)
    for blocks in (1, 3, 7)
    for operators in ("single", "any")
]


@st.composite
def architectures(draw_value):
    space = draw_value(st.sampled_from(SPACES))
    return space.sample(np.random.default_rng(draw_value(st.integers(0, 2**32))))


def block(**changes):
    fields = {
        "dense_operators": {"fc": 16},
        "sparse_operators": {"efc": 16},
        "dense_sources": (0,),
        "sparse_sources": (0,),
    }
    return Block(**(fields | changes))


def tooltips(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter(f"{SVG}title")][1:]


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def attribute(element, *names):
    return [float(element.get(name)) for name in names]


def reads(architecture):
    """Each connection that reaches the logit, told as the drawing's tooltips tell it."""
    for number, (block_, live) in enumerate(
        zip(architecture.blocks, architecture.liveness.blocks), start=1
    ):
        kinds = set()
        if live.dense_operators:
            kinds.update(*(OPERATORS[name].reads for name in block_.dense_operators))
        if live.sparse_operators:
            kinds.add(SPARSE)
        lines = [(DENSE, source, "") for source in block_.dense_sources if DENSE in kinds]
        lines += [(SPARSE, source, "") for source in block_.sparse_sources if SPARSE in kinds]
        if PAIR in kinds and block_.left_source == block_.right_source:
            lines.append((DENSE, block_.left_source, ""))
        elif PAIR in kinds:
            lines.append((DENSE, block_.left_source, " on the left"))
            lines.append((DENSE, block_.right_source, " on the right"))
        for branch, source, side in lines:
            origin = f"{branch} output of block {source}" if source else f"raw {branch} features"
            if (branch, source) == (DENSE, 0) and architecture.dense_embeddings:
                origin += " with the flattened embeddings"
            yield f"block {number} reads the {origin}{side}"


@settings(max_examples=60, deadline=None)
@given(architectures())
def test_every_connection_that_reaches_the_logit_is_drawn_and_no_other(architecture):
    drawn = [text for text in tooltips(draw_svg(architecture)) if " reads " in text]
    assert sorted(drawn) == sorted(reads(architecture))


@settings(max_examples=60, deadline=None)
@given(architectures())
def test_every_operator_is_drawn_with_its_width_and_striped_where_unused(architecture):
    drawn = [text for text in tooltips(draw_svg(architecture)) if re.search("units|tokens", text)]
    expected = []
    for block_, live in zip(architecture.blocks, architecture.liveness.blocks):
        for name, width in block_.dense_operators.items():
            unused = "" if live.dense_operators else " (unused)"
            expected.append(f"{name.replace('_', ' ')}, {width} units{unused}")
        for name, width in block_.sparse_operators.items():
            unused = "" if live.sparse_operators else " (unused)"
            expected.append(f"{name.replace('_', ' ')}, {width} tokens{unused}")
    assert sorted(drawn) == sorted(expected)


@settings(max_examples=60, deadline=None)
@given(architectures())
def test_mergers_of_live_blocks_are_drawn(architecture):
    drawn = [text for text in tooltips(draw_svg(architecture)) if text.find("merger") > 0]
    expected = []
    for block_, live in zip(architecture.blocks, architecture.liveness.blocks):
        for field in ("dense_to_sparse", "sparse_to_dense"):
            if getattr(block_, field) and live.anything:
                unused = "" if getattr(live, field) else " (unused)"
                expected.append(f"{field.replace('_', '-')} merger{unused}")
    assert sorted(drawn) == sorted(expected)


@settings(max_examples=60, deadline=None)
@given(architectures())
def test_nothing_overlaps_and_everything_lies_within_the_picture(architecture):
    root = ElementTree.fromstring(draw_svg(architecture, "A title", Features(13, (10,) * 26)))
    width, height = attribute(root, "width", "height")
    boxes = []
    for element in root.iter(f"{SVG}rect"):
        if element.find(f"{SVG}title") is not None:
            x, y, w, h = attribute(element, "x", "y", "width", "height")
            boxes.append((x, y, x + w, y + h))
    circles = [
        attribute(element, "cx", "cy")
        for element in root.iter(f"{SVG}circle")
        if element.get("r") == str(theme.LANE_RADIUS)
    ]
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= width and 0 <= top < bottom <= height
    for first, second in itertools.combinations(boxes, 2):
        assert (
            first[2] <= second[0] or second[2] <= first[0]
            or first[3] <= second[1] or second[3] <= first[1]
        )  # fmt: skip
    for first, second in itertools.combinations(circles, 2):
        assert math.dist(first, second) >= 2 * theme.LANE_RADIUS
    for x, y in circles:
        assert theme.LANE_RADIUS <= x <= width - theme.LANE_RADIUS
        assert not any(left < x < right and top < y < bottom for left, top, right, bottom in boxes)
    for element in root.iter(f"{SVG}text"):
        x, y, size = attribute(element, "x", "y", "font-size")
        half = len(element.text) * size * 0.3
        start = {"middle": x - half, "start": x, "end": x - 2 * half}[element.get("text-anchor")]
        assert start >= 0 and start + 2 * half <= width and y <= height


@settings(max_examples=60, deadline=None)
@given(architectures(), st.randoms(use_true_random=False))
def test_sources_that_nothing_reads_leave_no_trace(architecture, random):
    changed = []
    for number, (block_, live) in enumerate(
        zip(architecture.blocks, architecture.liveness.blocks), start=1
    ):
        kinds = {kind for name in block_.dense_operators for kind in OPERATORS[name].reads}
        if not live.dense_operators or PAIR not in kinds:
            block_ = dataclasses.replace(
                block_, left_source=random.randrange(number), right_source=random.randrange(number)
            )
        if not live.dense_operators or DENSE not in kinds:
            block_ = dataclasses.replace(block_, dense_sources=(random.randrange(number),))
        changed.append(block_)
    same = dataclasses.replace(architecture, blocks=tuple(changed))
    assert draw_svg(same) == draw_svg(architecture)


@pytest.mark.parametrize("operator", ["sigmoid_gating", "sum"])
def test_a_bold_line_is_one_source_on_both_sides(operator):
    def bold_lines(right):
        pair = block(dense_operators={operator: 32}, left_source=0, right_source=right)
        root = ElementTree.fromstring(draw_svg(Architecture((block(), pair))))
        return [e for e in root.iter(f"{SVG}polyline") if float(e.get("stroke-width")) == 4.5]

    assert bold_lines(right=0)
    assert not bold_lines(right=1)


def test_flattened_embeddings_are_an_arrow_into_the_dense_features_that_the_legend_explains():
    plain, embedded = (
        draw_svg(Architecture((block(),), with_them), features=Features(0, (10,) * 26))
        for with_them in (False, True)
    )
    assert "flattened" not in plain
    assert texts(embedded).count("flattened") == 1
    assert "embeddings, flattened, join dense source 0" in texts(embedded)
    boxes = {
        element.find(f"{SVG}title").text: attribute(element, "x", "y", "width", "height")
        for element in ElementTree.fromstring(embedded).iter(f"{SVG}rect")
        if element.find(f"{SVG}title") is not None
    }
    x, y, width, height = boxes["raw dense features with the flattened embeddings"]
    tips = {
        tuple(map(float, element.get("points").split()[0].split(",")))
        for element in ElementTree.fromstring(embedded).iter(f"{SVG}polygon")
    }
    assert (x + width, y + height / 2) in tips


@pytest.mark.parametrize("name", sorted(presets()))
def test_presets_are_drawn_with_their_inputs_and_name(name, tmp_path):
    path = tmp_path / "preset.svg"
    assert draw.main([name, "-o", str(path)]) == 0
    shown = texts(path.read_text("utf-8"))
    features = presets()[name].features
    assert name in shown
    assert f"{features.sparse} sparse features" in shown
    assert f"{features.dense} dense feature" + "s" * (features.dense != 1) in shown


def test_the_legend_explains_only_what_occurs():
    plain = " ".join(texts(draw_svg(Architecture((block(),)))))
    assert "unused" not in plain and "merger" not in plain and "same source" not in plain
    everything = " ".join(texts(draw_svg(NASREC_FULL.widest)))
    assert "factorization machine merger" in everything and "same source" in everything


def test_the_drawing_is_deterministic_and_titles_are_escaped():
    architecture = NASREC_FULL.widest
    title = '<script>"&\x00'
    assert draw_svg(architecture, title) == draw_svg(architecture, title)
    assert '<script>"& ' in texts(draw_svg(architecture, title))


def test_a_long_title_is_wrapped():
    shown = texts(draw_svg(Architecture((block(),)), "word " * 60))
    assert sum(text.count("word") for text in shown) == 60
    assert max(len(text) for text in shown) < 80


def test_command_draws_an_architecture_file(tmp_path):
    NASREC_SMALL.widest.save(tmp_path / "arch.json")
    output = tmp_path / "arch.svg"
    assert draw.main([str(tmp_path / "arch.json"), "-o", str(output), "--title", "Mine"]) == 0
    assert "Mine" in texts(output.read_text("utf-8"))


@pytest.mark.parametrize(
    ("architecture", "output", "message"),
    [
        ("no-such", "x.svg", "No architecture 'no-such'"),
        ("broken.json", "x.svg", "broken.json: Not JSON"),
        ("nasrec-kdd-full", "missing/x.svg", "missing/x.svg: cannot be written"),
    ],
)
def test_bad_arguments_get_one_line_and_leave_nothing(
    tmp_path, monkeypatch, capsys, architecture, output, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    assert draw.main([architecture, "-o", output]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["broken.json"]


def test_drawing_loads_no_framework():
    code = (
        "import sys, nasrec_tf.draw, nasrec_tf.demo, nasrec_tf.report\n"
        "print(sorted({'tensorflow', 'keras', 'apache_beam', 'matplotlib', 'jinja2'} "
        "& set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr


BEGINNINGS = {"png": b"\x89PNG", "PDF": b"%PDF", "svg": b"<svg"}


@pytest.mark.parametrize(("ending", "begins"), BEGINNINGS.items(), ids=BEGINNINGS)
def test_the_ending_of_the_file_tells_the_format(ending, begins, tmp_path):
    path = tmp_path / f"drawn.{ending}"
    assert draw.main(["nasrec-criteo-small", "-o", str(path)]) == 0
    assert path.read_bytes().startswith(begins)


def test_a_picture_in_pixels_shows_what_the_drawing_does():
    """Every filled box has its colour in its middle, beside the letters."""
    from matplotlib import image

    svg = draw_svg(presets()["nasrec-criteo-small"].architecture)
    pixels = image.imread(io.BytesIO(painted(svg, "png")))
    boxes = [
        box.attrib
        for box in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}rect")
        if box.attrib.get("fill") == "#d9e8fb"
    ]
    assert len(boxes) > 5
    for box in boxes:
        x, y = float(box["x"]) + 4, float(box["y"]) + 4
        found = pixels[round(2 * y), round(2 * x), :3] * 255
        assert tuple(found.round().astype(int)) == (0xD9, 0xE8, 0xFB)


def test_a_format_that_is_none_is_one_line(tmp_path, capsys):
    assert draw.main(["nasrec-criteo-small", "-o", str(tmp_path / "drawn.jpg")]) == 2
    assert "its ending must tell the format: .svg, .png, .pdf" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_short_names_are_spelled_out():
    text = draw_svg(presets()["nasrec-criteo-small"].architecture)
    for told in ("FC: fully connected", "EFC: embedded fully connected", "D2S: dense-to-sparse"):
        assert told in text


def test_the_gallery_is_what_make_docs_writes():
    docs = pathlib.Path(__file__).parents[1] / "docs"
    for name, text in gallery().items():
        assert (docs / name).read_text(encoding="utf-8") == text, f"{name}: run make docs"
