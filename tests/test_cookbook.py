"""docs/cookbook.md: every task is short, every command is known, and all of it is run."""

import importlib
import pathlib
import re
import shlex

import numpy as np
import pytest

import nasrec_tf

COOKBOOK = pathlib.Path(__file__).resolve().parents[1] / "docs" / "cookbook.md"
NEEDS_MORE = ("docker", "curl", "tensorboard", "pip", "nasrec-search", "nasrec-predict")
"""Programs that are not ours or not on the path, and the installation itself."""

SMALL = {
    "nasrec_tf.search": (
        "--recipe paper --space nasrec-small --blocks 1 --batch-size 64 --retrain-epochs 1 --quiet "
        "--no-explain "
        "--supernet-epochs 1 --population 2 --tournament 2 --children 1 --generations 1 "
        "--fine-tune-steps 1 --top-k 1 --refine 0 --seed 3"
    ),
    "nasrec_tf.compare": "--recipe paper --quiet",
}
"""Options of a small job, by module; what the cookbook says goes first."""

RECORDS = ["--stage", "records"]

SHORTER = {
    ("b", "nasrec_tf.search"): RECORDS,
    ("e", "nasrec_tf.search"): RECORDS,
    ("e", "nasrec_tf.compare"): ["--plan"],
    ("k", "nasrec_tf.search"): RECORDS,
}
"""Up to where tasks go in `make test`: searches that are that of task a from there on, one that is
explained (tests/search/test_explain_run.py), and a comparison (tests/search/test_compare_run.py
makes whole ones)."""


def blocks():
    """(task, language, text) of each block of code."""
    found, task = [], None
    for part in re.split(r"^(## .*)$", COOKBOOK.read_text(encoding="utf-8"), flags=re.M):
        if part.startswith("## "):
            task = part[3]
        for language, text in re.findall(r"^```(\w+)\n(.*?)^```$", part, flags=re.M | re.S):
            found.append((task, language, text))
    return found


def commands(text):
    return [shlex.split(line) for line in text.splitlines() if line and not line.startswith("#")]


def of_ours(words):
    """Module and arguments of a command that this project has; ``None`` of another program's."""
    if words[0] in NEEDS_MORE:
        return None
    start = words.index("python")
    assert words[start + 1] == "-m"
    return words[start + 2], words[start + 3 :]


def main_of(module):
    return importlib.import_module(
        {"beam_preprocess": "beam_preprocess.cli"}.get(module, module)
    ).main


def test_there_is_every_task_in_at_most_three_commands():
    tasks = {}
    for task, language, text in blocks():
        tasks[task] = tasks.get(task, 0) + (len(commands(text)) if language == "sh" else 0)
    assert sorted(tasks) == list("abcdefghijklm")
    assert all(count <= 3 for count in tasks.values())


@pytest.mark.parametrize(
    ("task", "words"),
    [(task, words) for task, language, text in blocks() if language == "sh"
     for words in commands(text) if of_ours(words)],
    ids=lambda value: value if isinstance(value, str) else value[-1].rpartition("/")[2],
)  # fmt: skip
def test_every_option_is_known(task, words, capsys):
    module, arguments = of_ours(words)
    main = main_of(module)
    command = ["describe"] if arguments[0] == "describe" else []
    with pytest.raises(SystemExit) as end:
        main([*command, "--help"])
    assert end.value.code == 0
    known = capsys.readouterr().out
    for word in arguments:
        if word.startswith("-"):
            assert re.search(rf"(^|[\s,]){re.escape(word)}\b", known), word


def write_shop(path, rows, seed, label):
    """A log of a shop, with missing values and names with a comma in them."""
    random = np.random.default_rng(seed)
    cities = ["Oslo", "Łódź", '"New York, NY"', "Bergen", ""]
    columns = ["user_id", "age", "income", "city", "device", *(["bought"] if label else [])]
    lines = [",".join(columns)]
    for _ in range(rows):
        user, age, city, device = random.integers([200, 62, 5, 3]).tolist()
        score = 0.8 * (city == 1) + 0.03 * (age - 22) + np.sin(user) - 1
        row = [
            f"u{user}",
            "" if random.random() < 0.05 else str(age + 18),
            f"{random.lognormal(9, 1):.2f}",
            cities[city],
            ("phone", "tablet", "desktop")[device],
        ]
        bought = random.random() < 1 / (1 + np.exp(-score))
        lines.append(",".join([*row, *([str(int(bought))] if label else [])]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def with_small(words, more=()):
    """Module and arguments of a command, those of a small job behind them."""
    module, arguments = of_ours(words)
    given = {word for word in arguments if word.startswith("--")}
    if "--yardsticks" in given:
        given.add("--no-explain")
    pairs = small_options(module)
    added = [word for pair in pairs.items() if pair[0] not in given for word in pair if word]
    return module, [*arguments, *added, *more]


def small_options(module):
    """The options of a small job, from flag to value; empty for a flag without one."""
    parts = re.findall(r"(--[a-z-]+)(?: (?!--)(\S+))?", SMALL.get(module, ""))
    return dict(parts)


@pytest.fixture
def small_function(monkeypatch):
    """``nasrec_tf.search`` with the options of a small job, of the types that it takes."""
    options = {
        flag.strip("-").replace("-", "_"): int(value) if value.isdigit() else value
        for flag, value in small_options("nasrec_tf.search").items()
        if value
    }
    options["explain"] = False
    search = nasrec_tf.run_search
    monkeypatch.setattr(nasrec_tf, "run_search", lambda **given: search(**options | given))


@pytest.mark.parametrize(
    "everything", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["small", "everything"]
)
def test_every_command_does_what_it_is_there_for(tmp_path, monkeypatch, small_function, everything):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nasrec_tf.studies.speed.ROUND_SECONDS", 0.001)  # of the plan of task e
    rows = 1500 if everything else 400
    write_shop(tmp_path / "shop.csv", rows, 0, label=True)
    write_shop(tmp_path / "shop-new.csv", rows, 1, label=True)
    write_shop(tmp_path / "shop-today.csv", 50, 2, label=False)
    for task, language, text in blocks():
        if language == "python":
            exec(compile(text, str(COOKBOOK), "exec"), {})  # noqa: S102 - our own document
            continue
        for words in commands(text):
            if of_ours(words) and "gpu" not in words:
                more = [] if everything else SHORTER.get((task, of_ours(words)[0]), [])
                module, arguments = with_small(words, more)
                assert main_of(module)(arguments) == 0, words
    assert len((tmp_path / "today.csv").read_text().splitlines()) == 51
    versions = sorted(path.name for path in (tmp_path / "saved_models" / "shop").iterdir())
    assert versions == (["1", "2", "3"] if everything else ["1", "2"])
    for name in ("runs/shop/report.html", "runs.html", "shop.svg", "runs/shop/tensorboard"):
        assert (tmp_path / name).exists()
