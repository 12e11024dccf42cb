"""The journal outlives kills, power cuts, damage and faults of the disk, or says what is wrong."""

import errno
import json
import logging
import os

import numpy as np
import pytest
from evolution_landscape import TRIALS, log_loss, make_oracle
from forked import Forked
from hypothesis import given, settings
from hypothesis import strategies as st

from nasrec_tf.architecture.space import NASREC_SMALL
from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.strategies import SubnetTuner, read_results
from nasrec_tf.strategies.history import COMPLETED, FAILED, Candidate, Outcome
from nasrec_tf.strategies.oracle.journal import Journal
from nasrec_tf.strategies.oracle.ledger import Ledger, read_history

SPACE = NASREC_SMALL.replace(num_blocks=1)
ARCHITECTURES = [SPACE.sample(np.random.default_rng(seed)) for seed in range(6)]


def write_search(directory, count=4):
    """A search in which one candidate failed and was scored again."""
    directory.mkdir(exist_ok=True)
    ledger = Ledger(directory)
    ledger.begin({"seed": 0})
    for number in range(count):
        ledger.add(Candidate(number, 0, None, ARCHITECTURES[number], {"mflops": 1.5}))
        ledger.end(number, Outcome(COMPLETED, {"log_loss": 0.25 * number}, 1.0))
    ledger.add(Candidate(count, 1, 0, ARCHITECTURES[count], {"mflops": 2.5}))
    ledger.end(count, Outcome(FAILED, {}, 1.0, "out of memory"))
    ledger.reopen_last_failures()
    ledger.end(count, Outcome(COMPLETED, {"log_loss": 0.125}, 2.0))
    return ledger


def told(directory):
    """What a search that goes on from the directory has before it."""
    ledger = Ledger(directory)
    assert ledger.exists()
    ledger.resume()
    return list(ledger.events())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole")
    write_search(directory)
    return (directory / "journal.jsonl").read_bytes()


@pytest.fixture(scope="module")
def prefixes(whole, tmp_path_factory):
    """What every number of whole lines tells."""
    directory = tmp_path_factory.mktemp("prefixes")
    lines = whole.splitlines(keepends=True)
    found = []
    for count in range(1, len(lines) + 1):
        (directory / "journal.jsonl").write_bytes(b"".join(lines[:count]))
        found.append(told(directory))
    return found


def version_1(content):
    """The same journal without checksums, as version 1 wrote it."""
    values = [json.loads(line) for line in content.splitlines()]
    values[0]["version"] = 1
    for value in values:
        del value["checksum"]
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


@pytest.mark.parametrize("left", [b'{"event": "crea', b"\0" * 4096, b'{"eve' + b"\0" * 100])
def test_what_a_power_cut_left_of_a_line_is_cut_away_and_said(
    tmp_path, whole, prefixes, caplog, left
):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(whole + left)
    assert told(tmp_path) == prefixes[-1]
    assert path.read_bytes() == whole
    number = len(whole.splitlines()) + 1
    assert f"{path}, line {number}: cut off by a kill or a power cut" in caplog.text
    assert f"{len(left)} bytes are cut away" in caplog.text


@pytest.mark.parametrize("content", [b"", b"\0" * 8192])
def test_an_empty_journal_and_one_of_zeros_are_told_and_not_written_over(tmp_path, content):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)
    with pytest.raises(RunError, match="journal.jsonl, line 1: damaged: .* delete it to begin"):
        told(tmp_path)
    assert path.read_bytes() == content


def test_a_kill_in_the_first_line_leaves_no_search(tmp_path, caplog):
    (tmp_path / "journal.jsonl").write_bytes(b'{"format": "nasrec')
    ledger = Ledger(tmp_path)
    assert not ledger.exists()
    assert "line 1: cut off by a kill: the search begins anew" in caplog.text
    ledger.begin({"seed": 1})
    assert Ledger(tmp_path).resume() == {"seed": 1}


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_damage_is_believed(tmp_path_factory, whole, prefixes, data):
    """One clear line, or the events before the damage where it was at the end."""
    lines = whole.splitlines(keepends=True)
    kind = data.draw(st.sampled_from(["bit", "byte", "cut", "drop", "twice", "swap", "zeros"]))
    place = data.draw(st.integers(0, len(whole) - 1))
    line = data.draw(st.integers(0, len(lines) - 2))
    damaged = {
        "bit": lambda: _with(whole, place, whole[place] ^ 1 << data.draw(st.integers(0, 7))),
        "byte": lambda: _with(whole, place, data.draw(st.sampled_from(b"0123456789ae\n,{}"))),
        "cut": lambda: whole[:place],
        "drop": lambda: b"".join(lines[:line] + lines[line + 1 :]),
        "twice": lambda: b"".join(lines[: line + 1] + lines[line:]),
        "swap": lambda: b"".join([*lines[:line], lines[line + 1], lines[line], *lines[line + 2 :]]),
        "zeros": lambda: whole[:place] + bytes(len(whole) - place),
    }[kind]()
    directory = tmp_path_factory.mktemp("damaged")
    path = directory / "journal.jsonl"
    path.write_bytes(damaged)
    if not Ledger(directory).exists():
        assert b"\n" not in damaged  # Half a first line: nothing was lost but all.
        return
    try:
        found = told(directory)
    except RunError as error:
        assert str(error).startswith(f"{path}, line ") and "\n" not in str(error)
        assert path.read_bytes() == damaged
    else:
        assert found in prefixes


def _with(content, place, byte):
    return content[:place] + bytes([byte]) + content[place + 1 :]


@pytest.mark.parametrize("other", [None, [], {}, "x", -1, 1.5, True, 10**30, [[]], {"a": {}}])
def test_another_json_value_in_an_old_line_is_told(tmp_path, whole, other):
    """Where there is no checksum the types tell it; nothing ends in a traceback."""
    values = [json.loads(line) for line in version_1(whole).splitlines()]
    path = tmp_path / "journal.jsonl"
    for number, value in enumerate(values[:3]):
        for name in [*value, "a name that no event has"]:
            if name in value and value[name] == other:
                continue
            changed = [*values[:number], value | {name: other}, *values[number + 1 :]]
            path.write_text("".join(json.dumps(line) + "\n" for line in changed))
            try:
                told(tmp_path)
            except RunError as error:
                assert str(error).startswith(f"{path}, line ") and "\n" not in str(error)
            else:
                free = ("settings", "costs", "metrics", "message", "hardware", "seconds")
                assert name in free or (name, other) == ("generation", 10**30)
        path.write_text(json.dumps(other) + "\n")
        with pytest.raises(RunError, match="line 1: not a search journal"):
            told(tmp_path)


def test_events_that_contradict_each_other_are_told(tmp_path, whole):
    lines = version_1(whole).splitlines(keepends=True)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join([*lines[:3], *lines[4:]]))
    with pytest.raises(RunError, match="line 4: not usable: Candidate 1 is not open"):
        told(tmp_path)
    path.write_bytes(b"".join([*lines, b'{"event": "reopened", "number": 0}\n']))
    with pytest.raises(RunError, match="not usable: Candidate 0 is not among the last failures"):
        told(tmp_path)


def test_another_version_is_told(tmp_path, whole):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(version_1(whole).replace(b'"version": 1', b'"version": 3'))
    with pytest.raises(RunError, match="of version 3, not 1 or 2: go on with the nasrec_tf that"):
        told(tmp_path)


def test_an_old_journal_goes_on_and_its_lines_are_covered_from_then_on(tmp_path, whole, prefixes):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(version_1(whole))
    assert told(tmp_path) == prefixes[-1]
    ledger = Ledger(tmp_path)
    ledger.resume()
    ledger.add(Candidate(5, 0, None, ARCHITECTURES[5], {"mflops": 1.0}))
    assert told(tmp_path)[5]["number"] == 5
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"log_loss": 0.25', b'"log_loss": 0.35', 1))
    with pytest.raises(RunError, match="its checksum is not that of its content after"):
        told(tmp_path)


def test_reading_for_results_changes_nothing_and_leaves_out_half_a_line(tmp_path, whole):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(whole + b'{"event"')
    assert len(read_results(tmp_path)) == 5
    assert path.read_bytes() == whole + b'{"event"'


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def count_syncs(monkeypatch):
    synced = []
    really = os.fsync

    def fsync(descriptor):
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        really(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return synced


def test_the_journal_is_synced_when_begun_once_a_second_and_at_the_end(tmp_path, monkeypatch):
    synced, clock = count_syncs(monkeypatch), Clock()
    path = tmp_path / "search" / "journal.jsonl"
    path.parent.mkdir()
    journal = Journal(path, clock)
    journal.create({})
    assert len(synced) == 3  # The draft, its directory, and the directory of that.
    assert synced[1:] == [str(path.parent), str(tmp_path)]
    for tenth in range(1, 31):
        clock.now = tenth / 10
        journal.append({"event": "reopened", "number": tenth})
    assert synced[3:] == [str(path)] * 3
    journal.sync()
    assert len(synced) == 6  # The last event came at a whole second.
    journal.append({"event": "reopened", "number": 31})
    journal.sync()
    journal.sync()
    assert synced[6:] == [str(path)]


def test_a_search_leaves_its_journal_and_leaderboard_synced(tmp_path, monkeypatch):
    synced = count_syncs(monkeypatch)
    search(tmp_path)
    project = tmp_path / "evolution"
    last = [path for path in synced if path == str(project / "journal.jsonl")]
    assert last and synced.index(last[-1]) < len(synced) - 1
    assert synced[-1] == str(project)


def search(directory, **changes):
    SubnetTuner(
        make_oracle(**changes),
        lambda architecture: {"log_loss": log_loss(architecture)},
        directory=directory,
        progress=False,
    ).search()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_an_event_that_the_disk_refuses_does_not_count_and_nothing_before_is_lost(
    tmp_path, monkeypatch, code, call
):
    ledger = write_search(tmp_path)
    path = tmp_path / "journal.jsonl"
    before, events = path.read_bytes(), list(ledger.events())
    clock = Clock()
    clock.now = 1e9
    ledger._journal._clock = clock
    really = os.write

    def write_half_then_refuse(descriptor, content):
        if len(content) > 100:
            return really(descriptor, content[:40])
        raise OSError(code, os.strerror(code))

    def refuse(descriptor):
        raise OSError(code, os.strerror(code))

    candidate = Candidate(5, 0, None, ARCHITECTURES[5], {"mflops": 1.0})
    with monkeypatch.context() as faulty:
        faulty.setattr(os, call, write_half_then_refuse if call == "write" else refuse)
        for _ in range(2):
            with pytest.raises(RunError, match=f"cannot be written: {os.strerror(code)}; mend"):
                ledger.add(candidate)
    assert path.read_bytes() == before
    assert list(ledger.events()) == events
    ledger.add(candidate)
    assert told(tmp_path) == list(ledger.events()) != events


@pytest.mark.parametrize("calls", [1, 9])
def test_a_disk_fault_ends_the_search_in_one_line_and_the_same_call_goes_on(
    tmp_path, monkeypatch, calls
):
    search(tmp_path / "undisturbed")
    left = iter(range(calls))
    really = os.write

    def write(descriptor, content):
        if next(left, None) is None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return really(descriptor, content)

    with monkeypatch.context() as faulty:
        faulty.setattr(os, "write", write)
        with pytest.raises(UserError, match="journal.jsonl: cannot be written: Input/output"):
            search(tmp_path / "faulty")
    search(tmp_path / "faulty")
    ends = [read_history(tmp_path / name / "evolution")[1] for name in ("undisturbed", "faulty")]
    assert ends[0].candidates == ends[1].candidates
    assert len(ends[1].outcomes) == TRIALS


@pytest.mark.parametrize(("call", "nth"), [("fsync", 1), ("fsync", 2), ("replace", 1)])
def test_a_search_that_cannot_be_begun_leaves_nothing_and_says_so(tmp_path, monkeypatch, call, nth):
    with monkeypatch.context() as faulty:
        refuse_from(faulty, call, nth)
        with pytest.raises(UserError, match="journal.jsonl: cannot be written: No space left"):
            search(tmp_path)
    search(tmp_path)
    assert len(read_history(tmp_path / "evolution")[1].outcomes) == TRIALS


def test_a_leaderboard_that_cannot_be_written_loses_nothing(tmp_path, monkeypatch):
    with monkeypatch.context() as faulty:
        refuse_from(faulty, "replace", 2)
        with pytest.raises(UserError, match="leaderboard.csv: cannot be written: No space left"):
            search(tmp_path)
    assert [path.name for path in (tmp_path / "evolution").iterdir()] == ["journal.jsonl"]
    before = (tmp_path / "evolution" / "journal.jsonl").read_bytes()
    search(tmp_path)
    assert (tmp_path / "evolution" / "journal.jsonl").read_bytes() == before
    assert (tmp_path / "evolution" / "leaderboard.csv").exists()


def refuse_from(monkeypatch, call, nth):
    """Lets a call of ``os`` fail as on a full disk, from its n-th time on."""
    calls = iter(range(nth - 1))
    really = getattr(os, call)

    def refused(*arguments):
        if next(calls, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return really(*arguments)

    monkeypatch.setattr(os, call, refused)


def test_a_file_that_may_not_grow_ends_the_process_in_one_line(tmp_path):
    """As on a full disk, of a real process."""
    program = (
        "import evolution_landscape, resource, sys\n"
        "from nasrec_tf.common.errors import UserError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    evolution_landscape.main()\n"
        "except UserError as error:\n"
        "    sys.exit(f'error: {error}')\n"
    )
    done = Forked(program, [tmp_path])
    assert done.wait(300) == 1
    assert "journal.jsonl: cannot be written: File too large" in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
    before = (tmp_path / "evolution" / "journal.jsonl").read_bytes()
    assert before.endswith(b"\n") and 15_000 < len(before) <= 20_000
    search(tmp_path, scoring={"--steps": 500})
    assert (tmp_path / "evolution" / "journal.jsonl").read_bytes().startswith(before)
    assert len(read_history(tmp_path / "evolution")[1].outcomes) == TRIALS


def test_a_journal_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "journal.jsonl").mkdir()
    with pytest.raises(RunError, match="journal.jsonl: cannot be read: Is a directory"):
        Ledger(tmp_path).exists()


def test_a_first_line_cut_off_is_said_once_and_the_log_is_quiet_otherwise(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        write_search(tmp_path)
        told(tmp_path)
    assert caplog.text == ""
