"""The report of a run: complete, self-contained, escaped, and there for a partial run as well."""

import dataclasses
import html.parser
import math
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasrec_tf.architecture.presets import preset
from nasrec_tf.common.errors import UserError
from nasrec_tf.data.features import Features
from nasrec_tf.report import (
    CalibratedQuality,
    CalibrationSummary,
    CandidateSummary,
    Curve,
    DataSummary,
    DifferenceSummary,
    EnsembleSummary,
    ExportSummary,
    QualitySummary,
    RecipeSummary,
    RecipeTableSummary,
    RecipeValueSummary,
    ReliabilityBin,
    RunSummary,
    SplitSummary,
    SpreadSummary,
    StageSummary,
    TableSummary,
    TrialSummary,
    WinnerSummary,
    render_report,
    write_report,
)
from nasrec_tf.report.page import LARGEST_TABLES, TEMPLATES, duration

TRIALS = 60


CALIBRATION = CalibrationSummary(
    scale=0.5,
    offset=-0.25,
    refused=None,
    validation=CalibratedQuality(0.45012, 0.44123, 0.06543, 0.01234),
    test=CalibratedQuality(0.43987, 0.43111, 0.05432, 0.00987),
    reliability=tuple(
        ReliabilityBin(p, 0.1 + 0.6 * p, 0.05 + 0.6 * p, 0.15 + 0.6 * p, 500)
        for p in np.linspace(0.01, 0.9, 15).tolist()
    ),
    calibrated_reliability=tuple(
        ReliabilityBin(p, p + 0.01, 0.9 * p, 1.05 * p + 0.02, 500)
        for p in np.linspace(0.1, 0.7, 15).tolist()
    ),
)


def whole_run():
    rng = np.random.default_rng(0)
    trials = [
        TrialSummary(
            i, i // 10, "completed", 0.45 + 0.05 * rng.random(), 0.1 * 2 ** (i % 6), f"t{i}"
        )
        for i in range(TRIALS)
    ]
    trials.append(TrialSummary(TRIALS, 6, "diverged", None, 1.0, "diverged"))
    curve = Curve([(step, 0.6 - step / 4000) for step in range(10, 600, 10)], [(300, 0.5)])
    candidates = [
        CandidateSummary(1, "t3", 0.12, curve, 0.4412345, 0.81, 0.8, 12_345),
        CandidateSummary(2, "t9", 0.12, curve, 0.4312345, 0.82, 0.8, 23_456, won=True),
        CandidateSummary(3, "t17", 0.12, curve),
    ]
    published = preset("nasrec-criteo-small")
    return RunSummary(
        name="a run",
        directory="runs/a",
        command="python -m nasrec_tf.search --seed 5",
        seed=5,
        space="nasrec-small",
        data=DataSummary(
            "criteo",
            [SplitSummary("train", 40_000, 0.254), SplitSummary("test", 5_000, 0.251)],
            ["I1", "I2"],
            [TableSummary("C1", 1_234_567, 0.25), TableSummary("C2", 3)],
            source="day_0.tsv",
            rejected={"wrong column count": 7},
            best_log_loss=0.35291,
            constant_log_loss=0.56681,
        ),
        supernet=Curve([(step, 0.7) for step in range(10, 100, 10)]),
        trials=trials,
        max_mflops=2.5,
        candidates=candidates,
        winner=WinnerSummary(
            published.architecture,
            published.features,
            QualitySummary(0.43987, 5_000, 0.80123, (0.42111, 0.45222), (0.79111, 0.81222)),
            1.2345,
            23_456,
            540_201_232,
            CALIBRATION,
            "calibrated: 0.5000 * logit -0.2500",
            "Chosen by validation log loss; trained once more on 45,000 rows.",
            EnsembleSummary(
                [("candidate 2 (rate 0.12)", 2), ("candidate 1 (rate 0.12)", 1)], 0.42555, 0.43123,
                QualitySummary(0.43222, 5_000, 0.80777, (0.42111, 0.45222), (0.79111, 0.81222)),
                DifferenceSummary(-0.00765, (-0.00999, -0.00543), 0.00654, (0.00432, 0.00876)),
                2.4691, 35_801, 1_080_402_464,
            ),
            [
                SpreadSummary("test log loss", 0.44012, 0.00123, 0.43888, 0.44135),
                SpreadSummary("test AUC", 0.80111, 0.00087, 0.80023, 0.80198),
            ],
            3,
            validation_log_loss=0.43123,
        ),
        export=ExportSummary("saved_models/ctr/1", "docker run <options>"),
        stages=[StageSummary("records", 12.3), StageSummary("supernet", 3725.0),
                StageSummary("export", None, "not yet")],
        configuration={"batch_size": 512, "max_sources": None},
        versions={"keras": "3.15.1"},
    )  # fmt: skip


class Page(html.parser.HTMLParser):
    """Text, elements and attributes of a page; checks that elements are closed in order."""

    VOID = {"meta", "br"}

    def __init__(self, page):
        super().__init__()
        self.elements, self.words, self.open = [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def page():
    return render_report(whole_run())


def test_the_page_tells_every_result(page):
    text = Page(page).text
    for told in (
        "a run", "seed 5", "nasrec-small", "runs/a", "python -m nasrec_tf.search --seed 5",
        "0.43987", "0.42111 to 0.45222", "0.80123", "0.79111 to 0.81222", "5,000", "1.2345",
        "23,456", "540,201,232", "0.35291", "0.56681", "saved_models/ctr/1", "docker run <options>",
        "40,000", "25.4%", "1,234,567", "rejected: wrong column count", "12.3 s", "1 h 02 min",
        "not finished (not yet)", "batch_size", "512", "3.15.1", "0.44123", "0.43123",
        "0.43111", "0.05432", "0.00987", "0.45012", "calibrated: 0.5000 * logit -0.2500",
        "trained once more on 45,000 rows", "0.43222", "-0.00765 (-0.00999 to -0.00543)",
        "0.00654 (0.00432 to 0.00876)", "2.4691", "1,080,402,464", "2 ×", "-0.00568",
        "Test log loss over 3 seeds", "0.44012 ± 0.00123 (0.43888 to 0.44135)",
    ):  # fmt: skip
        assert told in text, told


def test_the_page_holds_all_charts_and_the_winner_drawn(page):
    drawings = [attributes for tag, attributes in Page(page).elements if tag == "svg"]
    assert len(drawings) == 6
    text = Page(page).text
    assert "best so far" in text and "winner" in text and "cost limit" in text
    assert "13 dense features" in text and "DP 1024" in text


def test_a_refused_calibration_says_why_and_shows_the_network_alone():
    run = whole_run()
    refused = dataclasses.replace(
        CALIBRATION, refused="the logits are all alike", calibrated_reliability=()
    )
    winner = dataclasses.replace(run.winner, calibration=refused, served="not calibrated")
    text = Page(render_report(dataclasses.replace(run, winner=winner))).text
    assert "Left out here: the logits are all alike." in text
    assert "as the network gives it" in text and "calibrated" in text


def test_inline_drawings_are_well_formed_and_share_no_identifier(page):
    drawings = re.findall(r"<svg.*?</svg>", page, flags=re.S)
    for drawing in drawings:
        ElementTree.fromstring(drawing)
    identifiers = re.findall(r'\bid="([^"]+)"', page)
    assert len(set(identifiers)) == len(identifiers)
    references = re.findall(r'(?:href="#|url\(#)([^")]+)', page)
    assert set(references) <= set(identifiers)


def scripts(page):
    return re.findall(r"<script[^>]*>(.*?)</script>", page, flags=re.S)


def test_the_page_needs_no_network_and_has_no_script_but_its_copy_buttons(page):
    elements = Page(page).elements
    assert not {tag for tag, _ in elements} & {"link", "img", "iframe", "object"}
    assert scripts(page) == [(TEMPLATES / "copy.js").read_text()]
    outside = [
        value
        for _, attributes in elements
        for name, value in attributes.items()
        if re.match(r"(https?:)?//", value or "") and not name.startswith("xmlns")
    ]
    assert outside == []
    assert "@import" not in page


def test_the_leaderboard_is_sorted_and_leaves_unfinished_trainings_out(page):
    run = whole_run()
    assert [candidate.identity for candidate in run.leaderboard] == ["t9", "t3"]
    rows = re.findall(r"<code>(t\d+)</code>", page)
    assert rows == ["t9", "t3"]


def test_the_leaderboard_puts_a_diverged_training_last():
    candidates = [
        CandidateSummary(1, "bad", validation_log_loss=float("nan")),
        CandidateSummary(2, "good", validation_log_loss=0.5),
    ]
    run = RunSummary("run", candidates=candidates)
    assert [candidate.identity for candidate in run.leaderboard] == ["good", "bad"]
    assert "diverged" in Page(render_report(run)).text


FIELDS = [f.name for f in dataclasses.fields(RunSummary) if f.name != "name"]


@settings(max_examples=8, deadline=None)
@given(st.sets(st.sampled_from(FIELDS)))
def test_any_part_may_be_missing(missing):
    run = whole_run()
    defaults = RunSummary("a run")
    partial = dataclasses.replace(run, **{name: getattr(defaults, name) for name in missing})
    assert "a run" in Page(render_report(partial)).text


def test_a_run_that_has_done_nothing_says_so():
    text = Page(render_report(RunSummary("empty"))).text
    for told in ("Not chosen yet", "No architecture has been scored", "No stage has finished"):
        assert told in text


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "\"'><b>&amp;", "{{ 7 * 7 }}", "$x$"]
)
def test_what_comes_from_data_is_escaped(hostile):
    run = whole_run()
    hostile_run = dataclasses.replace(
        run,
        name=hostile,
        directory=hostile,
        command=hostile,
        space=hostile,
        data=DataSummary(
            hostile, [SplitSummary(hostile, 1)], [hostile], [TableSummary(hostile, 9)], hostile,
            {hostile: 1},
        ),
        candidates=[CandidateSummary(1, hostile, 0.1, Curve(), 0.5, 0.5, 1.0, 10)],
        export=ExportSummary(hostile, hostile),
        stages=[StageSummary(hostile, 1.0, hostile)],
        configuration={hostile: hostile},
        versions={hostile: hostile},
    )  # fmt: skip
    page = render_report(hostile_run)
    parsed = Page(page)
    assert parsed.text.count(hostile) >= 12
    assert "b" not in {tag for tag, _ in parsed.elements}
    assert scripts(page) == [(TEMPLATES / "copy.js").read_text()]


def test_many_tables_are_cut_to_the_largest():
    tables = [TableSummary(f"C{i}", 1000 + i) for i in range(LARGEST_TABLES + 60)]
    text = Page(render_report(RunSummary("run", data=DataSummary("wide", tables=tables)))).text
    assert "… and 60 smaller ones." in text
    assert "C99" in text and "C59 " not in text


@pytest.mark.parametrize(("count", "is_open"), [(13, True), (200, False)])
def test_many_names_of_dense_features_are_folded(count, is_open):
    names = [f"dense_{number}" for number in range(count)]
    page = render_report(RunSummary("run", data=DataSummary("wide", dense_features=names)))
    assert f"Dense features: {count}" in Page(page).text and ", ".join(names) in page
    (folded,) = [kept for tag, kept in Page(page).elements if tag == "details"]
    assert ("open" in folded) == is_open


def test_the_worst_scores_are_counted_not_shown():
    trials = [TrialSummary(i, 0, "completed", 0.4 + i / 1000, 1.0, f"t{i}") for i in range(99)]
    trials.append(TrialSummary(99, 0, "completed", 50.0, 1.0, "t99"))
    text = Page(render_report(RunSummary("run", trials=trials))).text
    assert re.search(r"above the picture: \d", text)
    assert " 50 " not in text


def test_what_a_chart_says_of_hidden_points_lies_clear_of_the_power_of_ten():
    from nasrec_tf.report.chart_frame import add_legend, cut_outliers, new_figure

    figure, axes = new_figure()
    losses = [number * 1e-7 for number in range(10, 90)] + [1.0]
    axes.plot(losses)
    cut_outliers(axes, losses)
    add_legend(axes)
    figure.draw_without_rendering()
    (told,) = axes.get_legend().get_texts()
    power = axes.yaxis.get_offset_text()
    assert told.get_text() == "above the picture: 1" and power.get_text()
    assert not told.get_window_extent().overlaps(power.get_window_extent())


def test_losses_that_are_not_numbers_do_not_break_the_charts():
    curve = Curve([(1, 0.7), (2, float("nan")), (3, float("inf"))])
    trials = [TrialSummary(0, 0, "completed", float("nan"), 0.0), TrialSummary(1, 0, "running")]
    run = RunSummary("run", supernet=curve, trials=trials)
    assert "No architecture has been scored" in Page(render_report(run)).text


def test_trials_without_a_cost_are_shown_in_the_progress_alone():
    trials = [TrialSummary(i, 0, "completed", 0.4, None, f"t{i}") for i in range(3)]
    text = Page(render_report(RunSummary("run", trials=trials))).text
    assert "Progress" in text and "Accuracy against cost" not in text


def test_the_page_is_deterministic(page):
    assert render_report(whole_run()) == page


def test_the_page_is_written_whole_or_not_at_all(tmp_path):
    write_report(RunSummary("run"), tmp_path / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(UserError, match="cannot be written"):
        write_report(RunSummary("run"), tmp_path / "missing" / "report.html")


def test_a_model_without_dense_features_or_defined_auc_is_shown():
    winner = WinnerSummary(
        preset("nasrec-avazu-full").architecture, Features(0, (5,) * 3), QualitySummary(0.4, 10)
    )
    text = Page(render_report(RunSummary("run", winner=winner))).text
    assert "0 dense features" in text and "Test AUC –" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0.04, "0.0 s"), (59.9, "59.9 s"), (59.97, "1 min 00 s"), (61, "1 min 01 s"),
     (3599.6, "1 h 00 min"), (90_000, "25 h 00 min")],
)  # fmt: skip
def test_durations_are_told_in_the_units_of_a_clock(seconds, text):
    assert duration(seconds) == text


def test_charts_have_the_colours_of_a_dark_page_as_well(page):
    charts = [svg for svg in re.findall(r"<svg.*?</svg>", page, flags=re.S) if "aria-label" in svg]
    assert len(charts) == 5
    for chart in charts:
        assert "var(--ink, #1f2430)" in chart
        # Outside of a variable no colour is left that a dark page could not show.
        assert "#1f2430" not in chart.replace("var(--ink, #1f2430)", "")
        assert "fill: #000000" not in chart and "stroke: #000000" not in chart


def test_columns_that_count_and_group_rows_are_named_with_the_groups_behind_the_figure():
    run = whole_run()
    test = dataclasses.replace(run.winner.test, grouped_auc=0.71234, groups=1_042)
    winner = dataclasses.replace(run.winner, test=test)
    data = dataclasses.replace(run.data, weight="w<1>", group="user")
    text = Page(render_report(dataclasses.replace(run, winner=winner, data=data))).text
    assert "1,042 have both labels" in text
    assert "count rows by column w<1>" in text and "values of column user" in text
    assert "count rows by column" not in Page(render_report(run)).text


def test_the_validation_log_loss_is_that_of_the_chosen_seed_not_of_the_first():
    assert "<tr><th>Validation log loss</th><td>0.43123</td></tr>" in render_report(whole_run())


def test_the_best_evaluation_and_the_overfitting_after_it_are_marked():
    curve = Curve([(10, 0.6), (500, 0.3)], [(100, 0.5), (200, 0.45), (300, 0.47)])
    one = CandidateSummary(1, "a", curve=curve, validation_log_loss=0.45, won=True)
    text = Page(render_report(RunSummary("run", candidates=[one]))).text
    assert "overfitting: validation rises by 0.0200" in text
    good = dataclasses.replace(one, curve=Curve(curve.points, curve.validation[:2]))
    text = Page(render_report(RunSummary("run", candidates=[good]))).text
    assert "best evaluation" in text and "overfitting" not in text


def test_each_table_of_a_recipe_is_of_one_network_and_has_a_column_for_each_seed():
    plain = RecipeTableSummary(
        "a plain network",
        [
            RecipeValueSummary("row_decay", "0", {1: 0.43}, False),
            RecipeValueSummary("row_decay", "0.003", {1: 0.41, 2: None}, True),
        ],
    )
    mixed = RecipeTableSummary(
        "a mix", [RecipeValueSummary("normalization", "batch", {1: 0.52}, True)]
    )
    page = render_report(
        RunSummary("run", recipe=RecipeSummary("row_decay 0.003", {}, [plain, mixed], 4))
    )
    assert page.index("Judged on a plain network") < page.index("Judged on a mix")
    assert "Chosen by 4 short trainings" in page and "of a network of its own" in page
    tables = [Page(table).text for table in re.findall(r"<table>.*?</table>", page, flags=re.S)]
    [first] = [text for text in tables if "row_decay" in text]
    [second] = [text for text in tables if "normalization" in text]
    assert "seed 2" in first and "diverged" in first and "seed 2" not in second
    assert "0.52000" not in first and "0.41000" not in second


def test_links_lead_to_files_beside_the_page_and_to_nothing_that_runs():
    links = {"<b>": "records/%3Cb%3E/data_card.md", "csv": "leaderboard.csv"}
    elements = Page(render_report(RunSummary("run", links=links))).elements
    assert [attributes["href"] for tag, attributes in elements if tag == "a"] == list(
        links.values()
    )
    assert "b" not in {tag for tag, _ in elements}


def test_the_runners_up_are_drawn_each_once_and_without_the_winner():
    small, full = (preset(f"nasrec-criteo-{size}").architecture for size in ("small", "full"))
    candidates = [
        CandidateSummary(1, "won", validation_log_loss=0.4, won=True, architecture=small),
        CandidateSummary(1, "won", validation_log_loss=0.41, architecture=small),
        CandidateSummary(2, "next", validation_log_loss=0.42, architecture=full),
        CandidateSummary(2, "next", validation_log_loss=0.43, architecture=full),
        CandidateSummary(3, "hand-made", validation_log_loss=0.44),
        CandidateSummary(4, "diverged", validation_log_loss=math.nan, architecture=small),
    ]
    run = RunSummary("run", candidates=candidates)
    assert [one.identity for one in run.runners_up] == ["next"]
    page = render_report(run)
    assert "The runners-up drawn" in page
    assert "nan" not in Page(page).text.split() and "diverged" in Page(page).text


def test_each_command_of_serving_has_a_button_of_its_own_and_no_prose_in_it():
    told = "Serve it:\n  docker run \\\n    -p 8501:8501\nAsk it:\n  curl localhost"
    page = render_report(dataclasses.replace(whole_run(), export=ExportSummary("m/1", told)))
    copied = re.findall(r"<pre>(.*?)</pre>", page, flags=re.S)
    assert copied[:2] == ["docker run \\\n  -p 8501:8501", "curl localhost"]
    assert "Serve it: docker run" in Page(page).text


def test_a_run_of_one_given_architecture_shows_no_search():
    only = [CandidateSummary(1, "dlrm", validation_log_loss=0.4, won=True)]
    text = Page(render_report(RunSummary("run", candidates=only))).text
    assert "The search" not in text and "Rank in" not in text
    assert "The search" in Page(render_report(RunSummary("run", space="nasrec-full"))).text


def test_what_costs_next_to_nothing_is_told_with_two_digits():
    winner = dataclasses.replace(whole_run().winner, mflops=0.00000352)
    text = Page(render_report(RunSummary("run", winner=winner))).text
    assert text.count("0.0000035 M") == 2 and "0.000 M" not in text


def test_a_curve_of_one_point_and_a_single_score_are_to_be_seen():
    one = Curve([(1, 0.7)])
    trials = [TrialSummary(0, 0, "completed", 0.45, 1.0, "a")]
    page = render_report(RunSummary("run", supernet=one, trials=trials))
    [supernet] = re.findall(r"<svg[^>]*Training loss of the supernet.*?</svg>", page, flags=re.S)
    # One of each of both lines, in the picture and in the legend.
    assert supernet.count("<use") >= 2
    assert "1 architecture;" in Page(page).text
