"""A finished run in use: predictions and figures of further logs, as commands and as a library."""

import contextlib
import csv
import dataclasses
import gzip
import io
import json
import shutil
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from search_calls import Said, run_of

import nasrec_tf
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.final_model import final_cost, final_figures
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.search_cost import search_cost
from nasrec_tf.studies.ablation_study import _judge

ROWS = 300
COLUMNS = ["label", *(f"I{k}" for k in range(1, 14)), *(f"C{k}" for k in range(1, 27))]


def ask(command, *arguments):
    """Calls a command in this process."""
    module = __import__(f"nasrec_tf.trained.{command}_command", fromlist=["main"])
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = module.main([*map(str, arguments), "--quiet", "--device", "cpu"])
    return Said(code, out.getvalue(), err.getvalue())


def probabilities_in(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", newline="") as file:
        return [row["probability"] for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def raw(finished_run):
    """The first rows of the generated log, as lines and by column."""
    with open(finished_run / "run" / "records" / "demo.txt", encoding="utf-8") as file:
        lines = [next(file).rstrip("\n") for _ in range(ROWS)]
    values = zip(*(line.split("\t") for line in lines), strict=True)
    return lines, dict(zip(COLUMNS, map(list, values), strict=True))


@pytest.fixture(scope="module")
def model(finished_run):
    return nasrec_tf.load(finished_run / "run")


@pytest.fixture(scope="module")
def expected(model, raw):
    return model.predict_frame(raw[1])


def numbers(texts):
    return [float(text) if text else float("nan") for text in texts]


def test_frame_command_run_export_and_saved_model_agree(
    finished_run, model, raw, expected, tmp_path
):
    lines, frame = raw
    log = tmp_path / "log.txt"
    log.write_text("\n".join(lines) + "\n")
    for place in ("run", "models/nasrec"):
        out = tmp_path / "out.csv.gz"
        said = ask("predict", finished_run / place, "--data", log, "-o", out)
        assert (said.code, said.err) == (0, ""), said.err
        np.testing.assert_allclose(numbers(probabilities_in(out)), expected, rtol=0, atol=1e-6)
    serve = tf.saved_model.load(str(finished_run / "models" / "nasrec" / "1"))
    inputs = {
        name: tf.constant(np.array(numbers(frame[name]), np.float32))
        if name.startswith("I")
        else tf.constant(frame[name])
        for name in COLUMNS[1:]
    }
    served = serve.signatures["serving_default"](**inputs)["probability"]
    np.testing.assert_allclose(served, expected, rtol=0, atol=1e-6)
    assert np.ptp(expected) > 0.05
    loaded = nasrec_tf.load(finished_run / "models" / "nasrec")
    np.testing.assert_array_equal(loaded.predict_frame(frame), expected)
    assert loaded.options == model.options and loaded.features == model.features


def test_frames_of_every_kind_and_type_mean_the_same(model, raw, expected):
    frame = {name: values for name, values in raw[1].items() if name != "label"}
    typed = {
        name: numbers(values) if name.startswith("I") else [value or None for value in values]
        for name, values in reversed(frame.items())
    }
    for form in (typed, pa.table(typed), pa.table({**typed, "further": ["x"] * ROWS})):
        np.testing.assert_array_equal(model.predict_frame(form), expected)
    assert model.predict_frame({name: values[:0] for name, values in frame.items()}).shape == (0,)


def test_vocabularies_give_the_value_of_each_row_of_a_table(model):
    feature = model.schema.sparse[0]
    assert len(model.vocabularies[feature.name]) == model.features.table_rows[0] - 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"I3": ["0"] * 4 + ["much"] * (ROWS - 4)}, "row 5: column I3: not a number: 'much'"),
        ({"C7": None}, "no column 'C7', did you mean 'C"),
        ({"C7": [["a", "b"]] * ROWS}, "column 'C7' holds lists"),
        ({"C7": ["a"]}, "cannot be read as a table"),
    ],
    ids=["value", "no column", "lists", "lengths"],
)
def test_a_frame_that_cannot_be_read_is_told_in_one_line(model, raw, change, told):
    frame = {name: values for name, values in (raw[1] | change).items() if values is not None}
    with pytest.raises(UserError) as error:
        model.predict_frame(frame)
    assert told in str(error.value) and "\n" not in str(error.value)


def test_rows_keep_their_order_with_or_without_labels_and_unread_ones_an_empty_line(
    finished_run, raw, expected, tmp_path
):
    lines = ["\t".join(line.split("\t")[1:]) for line in raw[0]]
    lines[3] = lines[3] + "\tone too many"
    lines[5] = "far\t" + lines[5].split("\t", 1)[1]
    first, second = tmp_path / "b.txt", tmp_path / "a.txt"
    first.write_text("\n".join(lines[:200]) + "\n")
    second.write_text("\n".join(["", *lines[200:]]))  # A blank line is no row.
    out = tmp_path / "out.csv"
    said = ask("predict", finished_run / "run", "--data", first, second, "-o", out)
    assert said.code == 0 and said.out.startswith("298 predictions")
    assert said.err.count("\n") == 1 and "2 of 300 rows could not be read" in said.err
    assert f"{first} line 4: 40 columns instead of 39" in said.err
    found = probabilities_in(out)
    assert len(found) == ROWS and found[3] == found[5] == ""
    others = np.delete(np.arange(ROWS), [3, 5])
    given = np.array([found[row] for row in others], float)
    np.testing.assert_allclose(given, expected[others], rtol=0, atol=1e-6)


def test_kept_columns_stand_before_the_probability(finished_run, raw, tmp_path):
    log, out = tmp_path / "log.txt", tmp_path / "out.csv"
    log.write_text("\n".join(raw[0][:20]) + "\n")
    ask("predict", finished_run / "run", "--data", log, "-o", out, "--keep", "C3", "label", "I1")
    with open(out, newline="") as file:
        rows = list(csv.DictReader(file))
    for name in ("C3", "label", "I1"):
        assert [row[name] for row in rows] == raw[1][name][:20]


def test_a_log_of_another_form_is_read_by_its_names(finished_run, raw, expected, tmp_path):
    names = [*reversed(COLUMNS[1:]), "more"]
    with open(tmp_path / "log.csv", "w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(names)
        for row in range(ROWS):
            writer.writerow([*(raw[1][name][row] for name in names[:-1]), "more; of it"])
    out = tmp_path / "out.csv"
    said = ask("predict", finished_run / "models" / "nasrec", "--data", tmp_path / "log.csv",
               "--dataset", "csv", "--delimiter", ";", "-o", out)  # fmt: skip
    assert said.code == 0, said.err
    np.testing.assert_allclose(numbers(probabilities_in(out)), expected, rtol=0, atol=1e-6)


def test_a_column_written_otherwise_than_in_training_is_told(finished_run, model, raw, tmp_path):
    values = list(zip(*(line.split("\t") for line in raw[0]), strict=True))
    at = COLUMNS.index("C6")
    values[at] = [text + " " for text in values[at]]
    log = tmp_path / "log.txt"
    log.write_text("".join("\t".join(row) + "\n" for row in zip(*values, strict=True)))
    for command, *further in (("predict", "-o", tmp_path / "out.csv"), ("evaluate",)):
        said = ask(command, finished_run / "run", "--data", log, *further)
        assert said.code == 0 and said.err.startswith("warning: column 'C6': ")
        assert "had such values without blanks around" in said.err
        assert len(said.err.splitlines()) == 1
    with pytest.warns(UserWarning, match="column 'C6'"):
        model.predict_frame(dict(zip(COLUMNS, values, strict=True)))


def test_a_model_beside_its_own_predictions_is_not_told_apart(
    finished_run, raw, expected, tmp_path
):
    log = tmp_path / "log.csv"
    with open(log, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, "own"])
        for row in range(ROWS):
            own = "" if row == 3 else repr(float(expected[row]))
            writer.writerow([*(raw[1][name][row] for name in COLUMNS), own])
    said = ask("evaluate", finished_run / "run", "--data", log, "--dataset", "csv",
               "--label", "label", "--beside", "own")  # fmt: skip
    assert said.code == 0, said.err
    (line,) = (line for line in said.out.splitlines() if line.startswith("'own': "))
    assert "less it +0.0000 (" in line or "less it -0.0000 (" in line
    assert f"on {ROWS - 1} rows. By log loss they are not told apart" in line


def test_evaluation_of_the_test_split_is_what_the_run_reports(finished_run, tmp_path):
    state = json.loads((finished_run / "run" / "retrain" / "result.json").read_text())
    out = tmp_path / "figures.json"
    said = ask("evaluate", finished_run / "run", "--data",
               finished_run / "run" / "records" / "dataset", "--by", "C1", "-o", out)  # fmt: skip
    assert (said.code, said.err) == (0, "")
    whole, *slices = json.loads(out.read_text())
    quality = whole["quality"]
    assert quality["auc"] == pytest.approx(state["test"]["auc"], abs=1e-6)
    told = state["calibration"]["test"]
    assert quality["log_loss"] == pytest.approx(told["calibrated_log_loss"], abs=1e-6)
    assert whole["calibration"]["error"] == pytest.approx(told["calibrated_error"], abs=1e-5)
    assert sum(each["quality"]["samples"] for each in slices) == quality["samples"]
    mean = sum(e["quality"]["log_loss"] * e["quality"]["samples"] for e in slices)
    assert mean / quality["samples"] == pytest.approx(quality["log_loss"])
    for each in (whole, *slices):
        if each["quality"]["auc_interval"]:
            low, high = each["quality"]["auc_interval"]
            assert low <= each["quality"]["auc"] <= high
    lines = said.out.splitlines()
    assert "log loss" in lines[0] and "all rows" in lines[1]
    (note,) = lines[2 + len(slices) :]
    assert note.startswith("With fewer than 20 clicks")


def test_an_ablation_judges_what_a_run_exports_and_what_its_search_took(finished_run):
    run = run_of(finished_run)
    judged, (_, _, test) = _judge(run), final_figures(run)
    assert (judged.test.log_loss, judged.test.auc) == pytest.approx((test.log_loss, test.auc))
    cost, rows = search_cost(run), run.schema.splits["train"].rows
    assert (judged.passes, judged.seconds) == (cost.rows / rows, cost.seconds)
    assert judged.mflops == final_cost(run).mflops


def test_a_raw_log_is_evaluated_by_ranges_of_numbers_and_within_groups(
    finished_run, raw, expected, tmp_path
):
    from sklearn.metrics import log_loss, roc_auc_score

    lines, frame = raw
    log, out = tmp_path / "log.txt", tmp_path / "figures.csv"
    log.write_text("\n".join(["2" + lines[0][1:], *lines[1:]]) + "\n")
    said = ask("evaluate", finished_run / "models" / "nasrec", "--data", log, "--by", "I2",
               "--group", "C5", "--most-slices", "3", "-o", out)  # fmt: skip
    assert said.code == 0
    assert f"1 of 300 rows could not be read and do not count, the first one: {log} line 1: " in (
        said.err
    )
    with open(out, newline="") as file:
        whole, *slices = csv.DictReader(file)
    labels, logits = np.array(frame["label"], int)[1:], expected[1:]
    assert float(whole["quality_auc"]) == pytest.approx(roc_auc_score(labels, logits))
    assert int(whole["clicked"]) == labels.sum()
    assert float(whole["quality_log_loss"]) == pytest.approx(log_loss(labels, logits), abs=1e-6)
    groups, areas = np.array(frame["C5"])[1:], []
    for group in filter(None, np.unique(groups)):  # a missing value is no group
        mine = groups == group
        if len(set(labels[mine])) == 2:
            areas.append((roc_auc_score(labels[mine], logits[mine]), mine.sum()))
    assert int(whole["grouped_groups"]) == len(areas) > 1
    mean = sum(area * rows for area, rows in areas) / sum(rows for _, rows in areas)
    assert float(whole["grouped_auc"]) == pytest.approx(mean)
    assert [row["value"] for row in slices[:-1]] and slices[-1]["value"] == "(others)"
    assert any(" to " in row["value"] for row in slices)


@pytest.mark.parametrize(
    ("command", "arguments", "told"),
    [
        ("predict", ["nowhere", "--data", "x", "-o", "out.csv"], "nowhere: no such directory"),
        ("predict", ["RUN", "--data", "nowhere.txt", "-o", "OUT/out.csv"], "nowhere.txt"),
        ("predict", ["RUN", "--data", "LOG", "-o", "out.txt"], "ends in .csv"),
        ("predict", ["RUN", "--data", "LOG", "-o", "nowhere/out.csv"], "no directory nowhere"),
        ("predict", ["RUN", "--data", "LOG", "-o", "OUT/o.csv", "--keep", "C77"], "column 'C77'"),
        ("predict", ["RUN", "--data", "LOG", "-o", "OUT/o.csv", "--split", "test"], "--split goes"),
        ("predict", ["RUN", "--data", "WRONG", "-o", "OUT/o.csv"], "none of 2 rows could be read"),
        ("predict", ["RUN", "--data", "LOG", "LINK", "-o", "COPY"], "one of the files that are"),
        ("evaluate", ["RUN", "--data", "COPY", "-o", "LINK"], "would be lost; name another"),
        ("evaluate", ["RUN", "--data", "TWOS"], "figures of the others would mislead"),
        ("evaluate", ["RUN", "--data", "TWOS"], "'2' (--label-positive or --label-above say"),
        ("evaluate", ["RUN", "--data", "RECORDS", "--label-above", "0"], "--label-above: "),
        ("evaluate", ["RUN", "--data", "LOG", "--max-reject-share", "2"], "from 0 to 1"),
        ("evaluate", ["RUN", "--data", "RECORDS", "--by", "I1"], "records hold no column 'I1'"),
        ("evaluate", ["RUN", "--data", "RECORDS", "--label", "x"], "--label: "),
        ("evaluate", ["RUN", "--data", "RECORDS", "--split", "tset"], "must be one of train"),
        ("evaluate", ["RUN", "--data", "LOG", "--most-slices", "0"], "at least 1"),
        ("evaluate", ["RUN", "--data", "LOG", "LOG"], "log.txt: is given twice; name each file"),
        ("predict", ["RUN", "--data", "COPY", "LINK", "-o", "OUT/o.csv"], "is given twice, as "),
        ("evaluate", ["RUN", "--data", "LOG", "--by", "label"], "column 'label' is the label"),
        ("evaluate", ["RUN", "--data", "LOG", "--label-positive", ","], "--label-positive: name"),
        ("evaluate", ["RUN", "--data", "LOG", "--beside", "C1"], "is no probability from 0 to 1"),
        ("evaluate", ["RUN", "--data", "RECORDS", "--beside", "p"], "records hold no column 'p'"),
        ("evaluate", ["RUN", "--data", "LOG", "--by", "C77"], "no column 'C77', did you mean 'C"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_line_and_leaves_nothing(
    finished_run, raw, tmp_path, command, arguments, told
):
    (tmp_path / "log.txt").write_text("\n".join(raw[0][:5]) + "\n")
    (tmp_path / "wrong.txt").write_text("1,2,3\n4,5,6\n")
    (tmp_path / "copy.csv").write_text("\n".join(raw[0][:5]) + "\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "copy.csv")
    twos = [line if line.startswith("1") else "2" + line[1:] for line in raw[0]]
    (tmp_path / "twos.txt").write_text("\n".join(twos) + "\n")
    (tmp_path / "out").mkdir()
    places = {
        "RUN": finished_run / "run",
        "RECORDS": finished_run / "run" / "records" / "dataset",
        "LOG": tmp_path / "log.txt",
        "WRONG": tmp_path / "wrong.txt",
        "COPY": tmp_path / "copy.csv",
        "LINK": tmp_path / "link.csv",
        "TWOS": tmp_path / "twos.txt",
        "OUT/out.csv": tmp_path / "out" / "out.csv",
        "OUT/o.csv": tmp_path / "out" / "o.csv",
    }
    said = ask(command, *(places.get(argument, argument) for argument in arguments))
    assert told in said.error
    assert not list((tmp_path / "out").iterdir())
    assert (tmp_path / "copy.csv").read_text().splitlines() == raw[0][:5]


def test_labels_may_be_written_otherwise_than_in_training(finished_run, raw, tmp_path):
    log, words = tmp_path / "log.txt", tmp_path / "words.txt"
    log.write_text("\n".join(raw[0]) + "\n")
    clicks = {"0": "no", "1": "yes"}
    words.write_text("".join(clicks[line[0]] + line[1:] + "\n" for line in raw[0]))
    plain = ask("evaluate", finished_run / "run", "--data", log)
    of_words = ask("evaluate", finished_run / "run", "--data", words, "--label-positive", "yes")
    above = ask("evaluate", finished_run / "run", "--data", log, "--label-above", "0.5")
    assert plain == of_words == above and plain.code == 0 and not plain.err
    none = ask("evaluate", finished_run / "run", "--data", words, "--label-positive", "maybe")
    assert none.code == 0 and f"all {ROWS} rows have label 0, so there is no AUC" in none.err


def test_rows_of_a_log_count_as_its_column_of_weights_says(model, raw, tmp_path):
    from nasrec_tf.trained.log_rows import AskedLog, judged_rows

    weights = [float(row % 3) for row in range(ROWS)]
    weights[7] = -1.0
    lines = [f"{line}\t{weight}" for line, weight in zip(raw[0], weights, strict=True)]
    log = tmp_path / "log.txt"
    log.write_text("\n".join(lines) + "\n")
    columns = (*model.data.description.columns, "w")
    described = dataclasses.replace(model.data.description, columns=columns, weight="w")
    weighted = nasrec_tf.TrainedModel(
        model.model, model.path, lambda: dataclasses.replace(model.data, description=described)
    )
    (rows,) = judged_rows(weighted, AskedLog((str(log),)), ())
    assert rows.weights.tolist() == weights[:7] + weights[8:]
    assert "line 8: column w: no weight" in rows.rejects[0]
    (alike,) = judged_rows(weighted, AskedLog((str(log),)), (), weighted=False)
    assert alike.weights is None and len(alike.logits) == ROWS


def test_lists_stay_lists_where_a_log_is_described_anew(model):
    from nasrec_tf.trained.model_sources import with_features_of

    first, *others = model.schema.sparse
    listed = dataclasses.replace(first, longest=3, separator="|", pooling="sum")
    schema = dataclasses.replace(model.schema, sparse=(listed, *others))
    columns = with_features_of(schema, model.data.description).sparse
    assert [column.multi for column in columns] == ["|", *[None] * len(others)]
    assert (columns[0].longest, columns[0].pooling) == (3, "sum")


def test_records_whose_ids_mean_other_values_are_refused(finished_run, model, tmp_path):
    from nasrec_tf.trained.log_rows import AskedLog, predicted_rows

    dataset = finished_run / "run" / "records" / "dataset"
    vocabularies = {name: entries[::-1] for name, entries in model.vocabularies.items()}
    other = nasrec_tf.TrainedModel(model.model, model.path, lambda: model.data)
    other.__dict__["vocabularies"] = vocabularies
    with pytest.raises(UserError, match="its ids mean other values"):
        predicted_rows(other, AskedLog((str(dataset),)), ())


def test_a_run_whose_records_are_gone_still_gives_its_network(run_files, model):
    import shutil

    shutil.rmtree(run_files / "run" / "records" / "dataset")
    loaded = nasrec_tf.load(run_files / "run")
    for one, other in zip(loaded.model.variables, model.model.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(UserError):
        loaded.predict_frame({"I1": [1]})


def test_a_model_does_not_read_rows_by_records_that_were_made_after_it(finished_run, tmp_path):
    shutil.copytree(finished_run / "run", tmp_path / "run")
    unread, read = (nasrec_tf.load(tmp_path / "run") for _ in range(2))
    schema = read.schema
    directory = RunDirectory(tmp_path / "run")
    made = directory.result("records")
    directory.finish("records", dataclasses.replace(made, label_rates={"train": 0.5}), 1.0)
    for model in (unread, read):
        with pytest.raises(UserError, match="records have been made again since this model was"):
            model.predict_frame({"I1": [1]})
    assert nasrec_tf.load(tmp_path / "run").schema == schema


def test_the_whole_job_is_a_function_that_goes_on_where_the_command_stopped(finished_run, model):
    from search_calls import options

    from nasrec_tf.search.command import _config, _parser

    config, _ = _config(_parser().parse_args(options(finished_run)))
    given = {name: value for name, value in dataclasses.asdict(config).items() if value is not None}
    found = nasrec_tf.search(**given)
    assert isinstance(found, nasrec_tf.TrainedModel)
    np.testing.assert_array_equal(found.model.variables[0], model.model.variables[0])
    with pytest.raises(UserError, match="has no option 'lable', did you mean 'label'"):
        nasrec_tf.search(lable="click")


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_process_says_one_line_and_nothing_of_what_the_machine_lacks(command, tmp_path):
    asked = [sys.executable, "-m", f"nasrec_tf.{command}", "nowhere", "--data", "x", "-o", "y.csv"]
    said = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode == 2
    [line] = said.stderr.splitlines()
    assert line.startswith("error: nowhere: no such directory")
