"""Faults: each one a clear line or a counted reject, never a silently shorter data set."""

import gzip
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from beam_preprocess.api import Schema, verify
from beam_preprocess.datasets.generic import generic
from beam_preprocess.errors import DataError
from beam_preprocess.running import driver, worker_process, worker_watch

TIMES = generic("label", sparse=("user",), time_column="t")


def rejects_of(directory):
    entries = []
    for path in sorted((directory / "rejects").iterdir()):
        entries += [json.loads(line) for line in path.read_text().splitlines()]
    return [(entry["line"], entry["reason"]) for entry in entries]


def command(*arguments):
    return [sys.executable, "-m", "beam_preprocess", *map(str, arguments)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,5", "2 columns instead of 4"),
        ("1,5,a,b,c", "5 columns instead of 4"),
        ("2,5,a,b", "column label: label is not 0 or 1: '2'"),
        (",5,a,b", "column label: label is not 0 or 1: ''"),
        ("1,oops,a,b", "column x: not a number: 'oops'"),
        ("1,1_0,a,b", "column x: not a number: '1_0'"),
        ("1,inf,a,b", "column x: not a finite 32-bit number: 'inf'"),
        ("1,nan,a,b", "column x: not a finite 32-bit number: 'nan'"),
        ("1,1e39,a,b", "column x: not a finite 32-bit number: '1e+39'"),
        (b"1,5,\xff,b", "invalid UTF-8"),
        (b"1,5,a," + b"x" * 1_000_000, "row longer than 262144 bytes"),
        ('1,5,"a,b', "quote that is not closed on its line"),
    ],
)
def test_a_malformed_row_is_a_counted_reject(make_dataset, row, reason):
    row = row if isinstance(row, bytes) else row.encode()
    lines = [b"label,x,user,item", *(b"%d,%d,u%d,i" % (n % 2, n, n % 7) for n in range(60))]
    lines.insert(37, row)
    description = generic("label", ("x",))
    out = make_dataset(b"\n".join(lines), description, max_reject_share=0.02)
    schema = Schema.load(out)
    assert sum(split.rows for split in schema.splits.values()) == 60
    assert sum(schema.rejected.values()) == 1
    found = rejects_of(out)
    assert [line for line, _ in found] == [38]
    # Arrow may have read the number already, and then writes it its own way.
    assert found[0][1].lower().replace("1e39", "1e+39") == reason.lower()
    assert verify(out) > 0


def test_a_header_in_the_middle_of_a_file_is_a_reject(make_dataset, small_log):
    out = make_dataset(small_log(100) + small_log(100), max_reject_share=0.02)
    assert rejects_of(out) == [(102, "column label: label is not 0 or 1: 'label'")]
    assert sum(split.rows for split in Schema.load(out).splits.values()) == 200


def test_the_line_number_of_a_reject_counts_through_the_blocks(make_dataset):
    lines = [f"{n % 2},u{n:090d}" for n in range(30_000)]  # about three blocks of text
    lines[29_000] = "0,x,y"
    out = make_dataset("label,user\n" + "\n".join(lines), min_count=1, shards=3)
    assert rejects_of(out) == [(29_002, "3 columns instead of 2")]


def test_too_many_rejects_end_the_run_and_leave_nothing(make_dataset, small_log, tmp_path):
    log = small_log(60) + "1,broken\n" * 5
    with pytest.raises(DataError, match=r"5 of 65 rows are malformed \(7.69%.*csv line 62: 2 col"):
        make_dataset(log)
    assert [path.name for path in tmp_path.iterdir()] == ["raw-out.csv"]
    make_dataset(log, max_reject_share=0.1)


def test_a_column_that_changes_type_is_told_by_name(make_dataset):
    log = "label,x,user\n" + "1,5,a\n" * 50 + "0,five,b\n" * 50
    with pytest.raises(DataError, match="csv line 52: column x: not a number: 'five'"):
        make_dataset(log, generic("label", ("x",)))


def test_a_truncated_gzip_ends_the_run(make_dataset, small_log, tmp_path):
    packed = gzip.compress(small_log(20_000).encode())
    with pytest.raises(DataError, match="raw-out.csv.gz: truncated or damaged compressed file"):
        make_dataset(packed[: len(packed) // 2], suffix="csv.gz")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "raw-out.csv: the file is empty"),
        (b"label,user,user\n1,a,b\n", "raw-out.csv: column name 'user' is repeated"),
        (b"user,item\n1,a\n", "raw-out.csv: no column 'label'; there are .user, item."),
        (b"\xff\xfd,label\n1,a\n", "raw-out.csv line 1: the header is not valid utf-8"),
        (b"label,user\n", "the train split is empty"),
        (b"label\n1\n0\n", "no dense or sparse column is left"),
    ],
)
def test_a_file_that_is_no_log_is_refused(make_dataset, content, message, tmp_path):
    with pytest.raises(DataError, match=message):
        make_dataset(content)
    assert not (tmp_path / "out").exists()


def test_files_with_different_headers_are_refused(make_dataset, small_log, tmp_path):
    (tmp_path / "a.csv").write_text(small_log(20))
    (tmp_path / "b.csv").write_text(small_log(20, header="label,item,person\n"))
    (tmp_path / "c.csv").write_text(small_log(20))
    with pytest.raises(DataError, match="b.csv: header .label, item, person. differs"):
        make_dataset("", split="given", split_inputs={
            "train": (str(tmp_path / "a.csv"),),
            "validation": (str(tmp_path / "b.csv"),),
            "test": (str(tmp_path / "c.csv"),),
        })  # fmt: skip


def test_malformed_rows_come_with_what_helps(make_dataset):
    with pytest.raises(DataError, match="invalid UTF-8 .--file-encoding says another"):
        make_dataset(("label,user\n" + "0,Bø\n1,Ås\n" * 30).encode("latin-1"), name="a")
    rows = "".join(f"{n % 2},2024-03-01 {n % 24:02}:00,u\n" for n in range(60))
    with pytest.raises(DataError, match="line 2: column t: not a number .a time in another form"):
        make_dataset("label,t,user\n" + rows, TIMES, name="b", split="chronological")


def test_an_output_that_exists_is_kept(make_dataset, small_log, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("precious")
    with pytest.raises(DataError, match="--output .*out: exists"):
        make_dataset(small_log())
    assert (tmp_path / "out" / "mine").read_text() == "precious"


def test_missing_files_and_other_compressions_are_named(make_dataset, small_log, tmp_path):
    with pytest.raises(DataError, match="nothing.csv: no such file"):
        make_dataset(tmp_path / "nothing.csv")
    packed = pa.compress(small_log().encode(), codec="zstd", asbytes=True)
    with pytest.raises(DataError, match="raw-out.csv.zst: this compression is not supported"):
        make_dataset(packed, suffix="csv.zst")
    with pytest.raises(DataError, match="raw-out.csv.zst: is not packed by zstd, as its name says"):
        make_dataset(small_log(), suffix="csv.zst")


def test_a_broken_parquet_file_is_named(make_dataset, tmp_path):
    parquet.write_table(pa.table({"label": [0, 1] * 50, "user": ["a"] * 100}), tmp_path / "x")
    whole = (tmp_path / "x").read_bytes()
    description = generic("label", file_format="parquet")
    for broken in (whole[:-10], b"label,user\n1,a\n"):
        with pytest.raises(DataError, match="raw-out.parquet: not readable as Parquet"):
            make_dataset(broken, description, suffix="parquet")


def test_a_parquet_value_with_a_line_break_is_rejected(make_dataset, tmp_path):
    users = ["a", "b\nc"] + ["d"] * 98
    parquet.write_table(pa.table({"label": [0, 1] * 50, "user": users}), tmp_path / "x.parquet")
    out = make_dataset(tmp_path / "x.parquet", generic("label", file_format="parquet"))
    assert rejects_of(out) == [(2, r"column user: line break inside a value: 'b\nc'")]


def test_times_without_an_order_are_refused(make_dataset):
    log = "label,user,t\n" + "1,a,5\n0,b,5\n" * 20
    with pytest.raises(DataError, match="1 distinct value"):
        make_dataset(log, TIMES, split="chronological")


def test_the_header_of_a_side_table_names_its_columns(make_dataset, tmp_path):
    (tmp_path / "log.toml").write_text(
        'label = "label"\nignore = ["item"]\n[[side_tables]]\nname = "users"\nkey = "user"\n'
        'columns = ["city", "age"]\ndelimiter = ","\nheader = true\nquoting = true\n'
        'file_encoding = "latin-1"\ndense = ["age"]\nsparse = ["city"]\n'
    )
    log = "label,user,item\n" + "1,u1,a\n0,u2,b\n1,u3,c\n" * 20
    users, tables = tmp_path / "users.csv", {"users": str(tmp_path / "users.csv")}
    dataset = str(tmp_path / "log.toml")
    users.write_text('uid,city,age\nu1,"Bø, Telemark",31\nu2,Ås,\n', encoding="latin-1")
    out = make_dataset(log, dataset, side_tables=tables, min_count=1)
    schema = Schema.load(out)
    assert (schema.dense_names, schema.sparse_names) == (("age",), ("user", "city"))
    cities = (out / "vocabularies" / "city.txt").read_text(encoding="utf-8").split("\n")
    assert sorted(cities) == ["", "Bø, Telemark", "Ås"]
    users.write_text("uid,age,city\nu1,31,b\n")
    with pytest.raises(DataError, match="has the columns uid, age, city, where side table users"):
        make_dataset(log, dataset, name="other", side_tables=tables)
    with pytest.raises(DataError, match="--side-table users=PATH: the description of log has this"):
        make_dataset(log, dataset, name="none")


def test_a_broken_side_table_names_its_row(make_dataset, tmp_path):
    table = tmp_path / "user.txt"
    table.write_text("1\t1\t2\n2\t1\n")
    log = "\t".join("0123456789ab") + "\n"
    with pytest.raises(DataError, match="user.txt line 2: 2 columns instead of 3"):
        make_dataset(log * 20, "kdd", side_tables={"user": str(table)})


def test_a_full_disk_is_told_in_one_line(tmp_path, small_log):
    # The limit on the size of a file is hit as a full disk is, in the middle of a shard.
    raw = tmp_path / "log.csv"
    lines = (f"{n % 2},{os.urandom(8).hex()}\n" for n in range(20_000))
    raw.write_text("label,user\n" + "".join(lines))

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    arguments = ("--dataset", "csv", "--label", "label", "--input", raw, "--min-count", "1")
    run = subprocess.run(
        command(*arguments, "--output", tmp_path / "out", "--quiet"),
        preexec_fn=limit,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1].startswith("error: ")
    assert "File too large; free some space or name another --output" in run.stderr
    assert "Traceback" not in run.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


def wait_for(condition, process, what):
    deadline = time.monotonic() + 300
    while not condition():
        assert process.poll() is None, f"the run ended before {what}"
        assert time.monotonic() < deadline, f"no sign of {what} after 300 s"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def long_log(tmp_path_factory):
    """Enough rows for a run of some seconds."""
    path = tmp_path_factory.mktemp("long") / "log.csv"
    with path.open("w") as stream:
        stream.write("label,x,user,item,shop,page\n")
        for n in range(400_000):
            stream.write(f"{n % 5 == 0:d},{n % 97},u{n % 5003},i{n % 7919},s{n % 31},p{n % 1009}\n")
    return path


@pytest.mark.parametrize(
    ("stage", "workers"),
    [
        pytest.param("scan", 1, marks=pytest.mark.slow),
        ("write", 1),
        pytest.param("write", 2, marks=pytest.mark.slow),
    ],
)
def test_after_a_kill_the_same_command_completes(long_log, tmp_path, stage, workers):
    arguments = ["--dataset", "csv", "--label", "label", "--dense", "x", "--input", long_log]
    arguments += ["--quiet", "--shards", "4", "--workers", workers, "--output"]
    process = subprocess.Popen(command(*arguments, tmp_path / "out"))
    progress = tmp_path / "out.partial" / "progress"
    wait_for(lambda: any(progress.glob(f"{stage}-*")), process, stage)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out").exists()
    with pytest.raises(DataError):
        Schema.load(tmp_path / "out.partial" / "data")

    for name in ("out", "undisturbed"):
        subprocess.run(command(*arguments, tmp_path / name), check=True)
    compare = ["diff", "-r", tmp_path / "out", tmp_path / "undisturbed"]
    subprocess.run(compare, check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "undisturbed"]


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs /proc to find workers")
def test_a_killed_worker_ends_the_run_with_one_line(long_log, tmp_path):
    arguments = ["--dataset", "csv", "--label", "label", "--input", long_log, "--workers", 2]
    process = subprocess.Popen(
        command(*arguments, "--quiet", "--output", tmp_path / "out"),
        stderr=subprocess.PIPE,
        text=True,
    )
    progress = tmp_path / "out.partial" / "progress"
    wait_for(lambda: any(progress.glob("scan-*")), process, "scan")
    worker = int(next(progress.glob("scan-*")).name.split("-")[1])
    os.kill(worker, signal.SIGKILL)
    errors = process.communicate(timeout=120)[1].splitlines()
    assert process.returncode == 2
    assert errors[-1].startswith("error: a worker process was killed")
    assert list(tmp_path.iterdir()) == []


def test_a_worker_ends_with_the_run_that_started_it():
    """Workers of a killed run wrote into the directory that the next one had cleared for itself."""
    worker = "import sys; from beam_preprocess.running import worker_process as w;"
    worker += "print('begun', flush=True); w._end_with(int(sys.argv[1]), w.pathlib.Path('none'))"
    run = "import os, subprocess, sys;"
    run += f"subprocess.call([sys.executable, '-c', {worker!r}, str(os.getpid())])"
    process = subprocess.Popen([sys.executable, "-c", run], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "begun\n"
    process.kill()
    # Nothing more comes once the worker, which writes there too, has ended.
    assert process.communicate(timeout=300)[0] == ""


def test_an_interrupt_of_a_run_alone_ends_its_workers_too(long_log, tmp_path):
    """Beam waited for its workers, and they for Beam: the run went on for minutes."""
    arguments = ["--dataset", "csv", "--label", "label", "--input", long_log, "--workers", 2]
    process = subprocess.Popen(
        command(*arguments, "--quiet", "--output", tmp_path / "out"),
        stderr=subprocess.PIPE,
        text=True,
        # Programs that are begun in the background of a shell ignore interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    progress = tmp_path / "out.partial" / "progress"
    wait_for(lambda: any(progress.glob("scan-*")), process, "scan")
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=300)[1]
    assert process.returncode == 130 and "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_dies_before_beam_knows_it_ends_the_run_with_one_line(
    make_dataset, tmp_path, monkeypatch
):
    """Beam waited for it for ever."""
    died = ["sh", "-c", "echo Traceback; echo 'MemoryError: no more' >&2; exit 9"]
    monkeypatch.setattr(worker_watch, "SECONDS_FOR_BEAM", 0.5)
    monkeypatch.setattr(worker_process, "command_line", lambda end: died)
    rows = "".join(f"{n % 2},u{n % 7}\n" for n in range(60))
    with pytest.raises(DataError, match=r"process died .* 9; MemoryError: no more.*--workers"):
        make_dataset("label,user\n" + rows, workers=2)
    assert [path.name for path in tmp_path.iterdir()] == ["raw-out.csv"]
    assert signal.getsignal(signal.SIGUSR2) is signal.SIG_DFL


def test_two_runs_do_not_write_the_same_data_set(long_log, tmp_path):
    arguments = command("--dataset", "csv", "--label", "label", "--input", long_log, "--quiet")
    arguments += ["--output", str(tmp_path / "out")]
    first = subprocess.Popen(arguments)
    wait_for(lambda: (tmp_path / "out.partial" / "data").exists(), first, "the first run")
    os.kill(first.pid, signal.SIGSTOP)  # so that it works for as long as the second one looks
    second = subprocess.run(arguments, capture_output=True, text=True)
    os.kill(first.pid, signal.SIGCONT)
    assert (second.returncode, first.wait()) == (2, 0)
    assert "another run is writing this data set" in second.stderr
    assert verify(pathlib.Path(tmp_path / "out")) > 0


def test_an_interrupt_within_a_step_stays_one():
    import apache_beam as beam
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    def interrupted(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), driver._user_errors():
        with beam.Pipeline(FnApiRunner()) as pipeline:
            pipeline | beam.Create([1]) | beam.Map(interrupted)


@pytest.mark.parametrize("written", ["more", "other", "gone"])
def test_a_file_that_is_written_while_it_is_read_is_named(
    make_dataset, small_log, tmp_path, monkeypatch, written
):
    log = tmp_path / "log.csv"
    log.write_text(small_log())
    really = driver.run_pipeline

    def while_it_is_written(*args):
        really(*args)
        if written == "gone":
            log.unlink()
        else:
            os.utime(log, ns=(0, 0))  # However coarse the clock of the file system is.
            log.write_text(small_log(50 if written == "more" else 40).replace("u1", "u9"))

    monkeypatch.setattr(driver, "run_pipeline", while_it_is_written)
    with pytest.raises(DataError, match="log.csv: was (written to|taken away) while it was read"):
        make_dataset(str(log))
    assert not (tmp_path / "out").exists()
