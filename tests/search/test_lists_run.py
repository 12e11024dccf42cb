"""The main job on ratings with genres: from raw lists to a model that is asked with them."""

import csv

import numpy as np
import pytest
import tensorflow as tf
from search_calls import OPTIONS, call

import nasrec_tf
from nasrec_tf.evaluate import main as evaluate
from nasrec_tf.search.results import ExplainResult
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.trained.row_codes import MISSING

GENRES = {"drama": 1.2, "war": -1.5, "comedy": 0.3, "noir": -0.8, "action": 0.9}


def write_ratings(path, rows=1500):
    """Films of up to three genres, which alone decide how well they are liked."""
    random = np.random.default_rng(0)
    films = [random.choice(list(GENRES), random.integers(0, 4), replace=False) for _ in range(90)]
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("user", "film", "genres", "liked"))
        for _ in range(rows):
            user, film = random.integers(0, 40), random.integers(0, 90)
            score = sum(GENRES[genre] for genre in films[film])
            liked = random.random() < 1 / (1 + np.exp(-score))
            writer.writerow((f"u{user}", f"f{film}", "|".join(films[film]), int(liked)))


@pytest.mark.slow
def test_a_run_reads_searches_exports_and_serves_lists(tmp_path):
    write_ratings(tmp_path / "ratings.csv")
    places = ["--run-dir", tmp_path / "run", "--export-dir", tmp_path / "models"]
    layout = ["--data", tmp_path / "ratings.csv", "--dataset", "csv", "--label", "liked"]
    lists = ["--multi", "genres", "--pooling", "attention", "--multi-longest", "2"]
    at = OPTIONS.index("--demo-rows")
    options = [*OPTIONS[:at], *OPTIONS[at + 2 :], *layout, *lists, *places, "--explain"]
    assert call(*options).code == 0
    assert call(*options).code == 0  # Nothing is left to do, and nothing has changed.
    explain = RunDirectory(tmp_path / "run").finished("explain", ExplainResult)
    why = explain.explanation.why
    assert {one.feature for one in why.importances} == {"user", "film", "genres"}
    by_genre = {one.value: one.rows for one in why.slices if one.feature == "genres"}
    assert set(GENRES) | {"missing"} <= set(by_genre)
    assert sum(by_genre.values()) > why.slice_rows  # a film of two genres is in both
    model = nasrec_tf.load(tmp_path / "run")
    assert [(each.name, each.longest) for each in model.schema.sparse] == [
        ("user", None),
        ("film", None),
        ("genres", 2),
    ]
    with open(tmp_path / "ratings.csv", newline="") as file:
        read = list(csv.DictReader(file))[:50]
    rows = {name: [row[name] for row in read] for name in ("user", "film", "genres")}
    asked = np.asarray(model.predict_frame(rows))
    served = tf.saved_model.load(str(tmp_path / "models" / "nasrec" / "1"))
    items = [text.split("|") for text in rows["genres"]]
    listed = rows | {"genres": [each if each != [""] else None for each in items]}
    np.testing.assert_array_equal(model.predict_frame(listed), asked)
    longest = max(map(len, items))
    genres = [each + [""] * (longest - len(each)) for each in items]
    answer = served.signatures["serving_default"](
        user=tf.constant(rows["user"]),
        film=tf.constant(rows["film"]),
        genres=tf.constant(genres),
    )
    np.testing.assert_allclose(answer["probability"], asked, atol=1e-6)
    assert np.ptp(asked) > 0.01
    check_evaluated_by_items(tmp_path)


def check_evaluated_by_items(tmp_path):
    """Rows of a raw log are told apart by all items, those of records by the items they keep."""
    with open(tmp_path / "ratings.csv", newline="") as file:
        items = [row["genres"].split("|") for row in csv.DictReader(file)]
    expected = {genre: sum(genre in each for each in items) for genre in GENRES}
    expected[MISSING] = sum(each == [""] for each in items)
    records = tmp_path / "run" / "records" / "dataset"
    for data in (tmp_path / "ratings.csv", records):
        out = tmp_path / "slices.csv"
        arguments = [tmp_path / "run", "--data", data, "--by", "genres", "-o", out]
        assert evaluate([*map(str, arguments)]) == 0
        with open(out, newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["column"]]
        found = {row["value"]: int(row["quality_samples"]) for row in rows}
        assert set(found) == set(expected)
        assert data == records or found == expected
