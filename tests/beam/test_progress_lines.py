"""Progress in log files: few lines, each with the time, and nothing that only terminals read."""

import io
import re

import pytest

from beam_preprocess.cli import main
from beam_preprocess.common.progress_lines import LineClock, ProgressLines
from beam_preprocess.common.suggestions import suggestion
from nasrec_tf.search.command import main as search

TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} "


def lines_of(seconds, updates, **options):
    """What is written of updates that come at given times."""
    stream, times = io.StringIO(), iter([0.0, *seconds])
    clock = LineClock(60, now=lambda: next(times))
    with ProgressLines("train", 1000, "steps", clock, stream=stream, **options) as bar:
        for count in updates:
            bar.set_postfix_str("loss 0.5")
            bar.update(count)
    return stream.getvalue()


def test_a_line_is_written_at_most_once_a_minute():
    text = lines_of([10, 59, 61, 100, 122], [100] * 5)
    assert re.fullmatch(
        rf"{TIME}train: 300 of 1,000 steps in 0 s, .* left, loss 0.5\n"
        rf"{TIME}train: 500 of 1,000 steps in 0 s, .* left, loss 0.5\n",
        text,
    )
    assert not set(text) & {"\r", "\x1b"}


def test_the_end_is_told_once_where_it_is_asked_for():
    assert lines_of([1, 2], [400, 600]) == ""
    text = lines_of([1, 2], [400, 600], last_line=True)
    assert re.fullmatch(rf"{TIME}train: 1,000 steps in 0 s, loss 0.5\n", text)


def test_several_bars_share_a_clock():
    stream, times = io.StringIO(), iter([0.0, 59, 61, 62, 121])
    clock = LineClock(60, now=lambda: next(times))
    for name in ("a", "b"):
        with ProgressLines(name, None, "rows", clock, stream=stream) as bar:
            bar.update(1)
            bar.update(1)
    assert re.findall(r"(\w): (\d) rows", stream.getvalue()) == [("a", "2"), ("b", "2")]


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["--lable", "click"], "--lable, did you mean '--label'"),
        (["--delimitter=;"], "did you mean '--delimiter'"),
        (["--encoding", "vocabulery"], "did you mean 'vocabulary'"),
        (["--dataset", "critoe"], "did you mean 'criteo'"),
        (["--dense-transform", "standardise"], "did you mean 'standardize'"),
    ],
)
def test_the_option_that_was_meant_is_named(tmp_path, capsys, arguments, meant):
    (tmp_path / "log.csv").write_text("click,shop\n" + "0,a\n1,b\n" * 20)
    rest = ["--input", str(tmp_path / "log.csv"), "--output", str(tmp_path / "out")]
    if "--dataset" not in arguments:
        rest += ["--dataset", "csv", *(() if "--lable" in arguments else ("--label", "click"))]
    assert main([*arguments, *rest]) == 2
    told = capsys.readouterr().err
    assert meant in told and told.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["--evolution-tirals", "3"], "unknown option --evolution-tirals, did you mean"),
        (["--strategy", "evolutoin"], "did you mean 'evolution'"),
        (["--recipe", "small-dta"], "did you mean 'small-data'"),
        (["--architecture", "nasrec-kdd-ful"], "did you mean 'nasrec-kdd-full'"),
    ],
)
def test_the_main_job_names_what_was_meant(tmp_path, capsys, arguments, meant):
    try:
        code = search([*arguments, "--run-dir", str(tmp_path / "run")])
    except SystemExit as ended:
        code = ended.code
    told = capsys.readouterr().err
    assert code == 2 and meant in told and told.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_nothing_is_suggested_for_what_is_like_nothing():
    assert suggestion("qqq", ["price", "label"]) == ""
    assert suggestion("PRICE", ["price", "label"]) == ", did you mean 'price'?"
