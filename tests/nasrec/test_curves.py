"""Loss curves are read back as they were written, or told to be damaged."""

import math

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from nasrec_tf.common.errors import RunError
from nasrec_tf.training.curves import CURVE_POINTS, LossCurve, read_curve


@given(st.lists(st.floats(0, 1e6) | st.just(math.inf), min_size=1, max_size=60), st.data())
@settings(max_examples=40, deadline=None)
def test_a_curve_goes_on_where_it_was_saved(tmp_path_factory, losses, data):
    path = tmp_path_factory.mktemp("curve") / "loss.csv"
    steps = len(losses) + data.draw(st.integers(0, 3 * CURVE_POINTS))
    straight = LossCurve(path, steps)
    for step, loss in enumerate(losses, start=1):
        straight.add(step, loss)
    # Saved at a stretch's end, as if stopped there, and gone on with.
    stop = data.draw(st.integers(0, len(losses))) // straight.stretch * straight.stretch
    stopped = LossCurve(path, steps)
    for step, loss in enumerate(losses[:stop], start=1):
        stopped.add(step, loss)
    stopped.save()
    resumed = LossCurve(path, steps)
    resumed.resume(stop)
    for step, loss in enumerate(losses[stop:], start=stop + 1):
        resumed.add(step, loss)
    straight.save()
    expected = read_curve(path)
    resumed.save()
    assert read_curve(path) == expected
    assert len(expected) == len(losses) // straight.stretch <= 2 * CURVE_POINTS


def test_points_after_the_checkpoint_are_made_anew(tmp_path):
    curve = LossCurve(tmp_path / "loss.csv", steps=10)
    for step in range(1, 8):
        curve.add(step, step / 10)
    curve.save()
    resumed = LossCurve(curve.path, steps=10)
    resumed.resume(4)
    assert [step for step, _ in resumed.points] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", 1),
        (b"\0\0\0\0", 1),
        (b'{"step": 1}', 1),
        (b"loss,step\n1,0.5\n", 1),
        (b"step,loss\n1,0.5\nmany,0.5\n", 3),
        (b"step,loss\n1,0.5\n2,\n", 3),
        (b"step,loss\n1,0.5\n2,0.5,0.5\n", 3),
        (b"step,loss\n1\n", 2),
        (b"step,loss\n\n", 2),
        (b"step,loss\n0,0.5\n", 2),
        (b"step,loss\n2,0.5\n1,0.5\n", 3),
        (b"step,loss\n1.5,0.5\n", 2),
        (b"step,loss\n" + b"9" * 100_000 + b",0.5\n", 2),
    ],
)
def test_another_shape_is_told_by_file_and_line(tmp_path, content, line):
    path = tmp_path / "loss.csv"
    path.write_bytes(content)
    with pytest.raises(RunError) as error:
        read_curve(path)
    assert str(error.value).startswith(f"{path}: line {line}: damaged")
    assert "\n" not in str(error.value) and len(str(error.value)) < 500
    assert "delete loss.csv" in str(error.value)


def test_what_is_no_text_or_cannot_be_read_is_told_too(tmp_path):
    (tmp_path / "loss.csv").write_bytes(b"step,loss\n1,\xff\n")
    with pytest.raises(RunError, match="loss.csv: damaged: not text"):
        read_curve(tmp_path / "loss.csv")
    with pytest.raises(RunError, match="cannot be read: Is a directory"):
        read_curve(tmp_path)


def test_no_flipped_bit_is_believed(tmp_path):
    curve = LossCurve(tmp_path / "loss.csv", steps=10)
    for step in range(1, 4):
        curve.add(step, step / 10)
    curve.save()
    content = curve.path.read_bytes()
    for place, byte in enumerate(content):
        curve.path.write_bytes(content[:place] + bytes([byte ^ 1]) + content[place + 1 :])
        try:
            assert read_curve(curve.path) == curve.points
        except RunError as error:
            assert "damaged" in str(error)
