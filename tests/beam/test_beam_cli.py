"""The command line: quick help, clear mistakes, everything reachable."""

import json
import re
import subprocess
import sys

import pytest

from beam_preprocess.api import Schema
from beam_preprocess.cli import main

MODULES = "import sys; heavy = {'tensorflow', 'apache_beam', 'pyarrow', 'matplotlib'}; "


@pytest.mark.parametrize(
    "statement",
    [
        "import beam_preprocess.dataset.schema, beam_preprocess.dataset.manifest",
        "import beam_preprocess.cli as cli\ntry: cli.main(['--help'])\nexcept SystemExit: pass",
        "import beam_preprocess.cli as cli\n"
        "try: cli.main(['inspect', '--help'])\nexcept SystemExit: pass",
        "import beam_preprocess.cli as cli\ncli.main(['inspect', '/nowhere'])",
    ],
)
def test_help_and_schema_need_no_heavy_import(statement):
    program = (
        f"{MODULES}\n{statement}\nassert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--dataset nope --input x --output y", "--dataset nope: unknown; known are criteo,"),
        ("--dataset nope.toml --input x --output y", "nope.toml: no such description file"),
        ("--dataset criteo --output y", "--input: name the raw files"),
        ("--dataset criteo --input x", "--output: name the directory"),
        ("--dataset criteo --train x --output y", "given splits need --train, --validation and"),
        ("--dataset criteo --input x --label l --output y", "--label goes with --dataset csv"),
        ("--dataset csv --input x --output y", "name the label column with --label"),
        ("--dataset criteo --input x --output y --fractions 1,2", "--fractions: three positive"),
        ("--dataset criteo --input x --output y --fractions a,b", "--fractions a,b: write three"),
        ("--dataset criteo --input x --output y --split chronological", "has no time column"),
        ("--dataset criteo --input x --output y --shards 0", "--shards must be at least 1"),
        (
            "--dataset criteo --input x --output y --max-reject-share 2",
            "must be at most 1",
        ),
        ("--dataset criteo --input x --output y --side-table u=v", "knows no side tables"),
        ("--dataset kdd --input x --output y --side-table user", "write NAME=PATH"),
        ("--dataset criteo --input nowhere*.txt --output y", "nowhere*.txt: no such file"),
        ("inspect nowhere", "nowhere: no such data set directory"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments.split()) == 2
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 1 and errors[0].startswith("error: ") and message in errors[0]
    assert not list(tmp_path.iterdir())


def test_hashing_says_nothing_of_what_the_machine_lacks(tmp_path):
    (tmp_path / "log.csv").write_text("click,site\n" + "0,a\n1,b\n" * 20)
    command = "--dataset csv --input log.csv --label click --encoding hash "
    command += "--table-rows 100 --output out"
    process = subprocess.run(
        [sys.executable, "-m", "beam_preprocess", *command.split()],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    # Without a terminal: a line for each stage, with the time, and nothing that moves a cursor.
    line = r"[0-9]{4}(-[0-9]{2}){2} [0-9]{2}(:[0-9]{2}){2} %s: [0-9,]+ bytes in [0-9]+ s\n"
    assert re.fullmatch(line % "scan" + line % "write", process.stderr), process.stderr


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("label = ", "not valid TOML"),
        ('name = "x"', 'name the label column, label = "..."'),
        ('label = "y"\nfoo = 1', "unknown key 'foo'"),
        ('label = "y"\nsparse = 3', "sparse must be a list"),
        (
            'label = "y"\nsparse = [{source = "a", colour = "red"}]',
            "1: unknown key 'colour'",
        ),
        ('label = "y"\ndense = [{source = "a", transform = "sqrt"}]', "transform must be one of"),
        ('label = "y"\nheader = false', "without a header need their columns"),
        ('label = "y"\ndelimiter = "é"', "delimiter must be ASCII characters"),
        ('label = "y"\ndelimiter = "::"\nquoting = true', "goes with quoting = false"),
        ('label = "y"\nescape = "ab"', "escape must be one ASCII character"),
        ('label = "y"\nfile_encoding = "utf-88"', "file_encoding 'utf-88' is not known"),
        ('label = {positive = ["x"]}', "label: name the column"),
        ('label = {column = "y", postive = ["x"]}', "label: unknown key 'postive'"),
        ('label = "y"\nlabel_above = nan', "label_above must be a finite number"),
        ('label = "y"\nlabel_above = 1\nlabel_positive = ["x"]', "give one of them"),
        ('label = "y"\nmissing_tokens = "NA"', "missing_tokens must be a list, not 'NA'"),
        ('label = "y"\nheader = "yes"', "header must be true or false"),
    ],
)
def test_a_wrong_description_names_file_and_key(toml, message, capsys, tmp_path):
    path = tmp_path / "shop.toml"
    path.write_text(toml)
    assert main(["--dataset", str(path), "--input", "x", "--output", str(tmp_path / "o")]) == 2
    error = capsys.readouterr().err
    assert f"{path}: " in error and message in error


def test_an_unknown_option_is_refused(capsys, tmp_path, small_log):
    (tmp_path / "log.csv").write_text(small_log())
    arguments = ["--dataset", "csv", "--label", "label", "--input", str(tmp_path / "log.csv")]
    assert main([*arguments, "--output", str(tmp_path / "out"), "--min-cuont=3"]) == 2
    assert "unknown option --min" in capsys.readouterr().err


def test_from_the_command_line_to_a_data_set_and_its_summary(capsys, tmp_path, small_log):
    (tmp_path / "log.csv").write_text(small_log(300))
    out = str(tmp_path / "out")
    arguments = ["--dataset", "csv", "--label", "label", "--ignore", "item", "--name", "tiny"]
    arguments += [
        "--input",
        str(tmp_path / "*.csv"),
        "--output",
        out,
        "--fractions",
        "0.5,0.25,0.25",
    ]
    assert main(arguments) == 0
    assert f"data set written to {out}" in capsys.readouterr().out
    assert Schema.load(out).sparse_names == ("user",)
    assert main(["inspect", out, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["name"] == "tiny"
    assert found["splits"]["train"]["rows"] == pytest.approx(150, abs=2)
    assert main(["inspect", out]) == 0
    assert "files verified" in capsys.readouterr().out
