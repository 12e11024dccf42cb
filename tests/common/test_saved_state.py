"""State files: what was written comes back, and damage is told in one line."""

import dataclasses
import json
import os
import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasrec_tf.common import atomic_file as files
from nasrec_tf.common.atomic_file import atomic_file, atomic_path
from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.common.saved_state import SAVED, read_state, write_state

MEND = "delete it to begin again"


@dataclasses.dataclass(frozen=True)
class State:
    __pydantic_config__ = SAVED

    name: str
    losses: tuple[float, ...]
    epoch: int = 0

    def __post_init__(self):
        if self.epoch < 0:
            raise ValueError("epoch must be at least 0")


GOOD = State("winner", (0.5, 0.25, float("inf")), 3)


def told(path: pathlib.Path, kind=State) -> str:
    with pytest.raises(RunError) as caught:
        read_state(path, kind, MEND)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and message.endswith(f"{MEND}.")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "value, kind",
    [
        (GOOD, State),
        ([0.1, 0.2], list[float]),
        ({"a": 1}, dict[str, int]),
        ({"value": 1}, dict[str, int]),
        ({"value": 1, "other": 2}, dict[str, int]),
        ([], list[str]),
    ],
)
def test_what_was_written_comes_back(tmp_path, value, kind):
    path = tmp_path / "state.json"
    write_state(path, value)
    assert read_state(path, kind, MEND) == value


def test_there_is_nothing_where_there_is_no_file(tmp_path):
    assert read_state(tmp_path / "state.json", State, MEND) is None


def test_a_file_from_before_checksums_is_read_by_its_type(tmp_path):
    path = tmp_path / "state.json"
    path.write_text('{"name": "winner", "losses": [0.5], "epoch": 1}')
    assert read_state(path, State, MEND) == State("winner", (0.5,), 1)
    path.write_text('{"name": "winner", "losses": [0.5], "epoch": "1"}')
    assert "epoch" in told(path)
    path.write_text('{"name": "winner", "losses": [0.5], "epoch": -1}')
    assert "at least 0" in told(path)
    path.write_text('{"name": "winner", "losses": [0.5], "more": 1}')
    assert "more" in told(path)


@settings(max_examples=200, deadline=None)
@given(bit=st.integers(0, 10_000))
def test_no_flipped_bit_is_believed(tmp_path_factory, bit):
    path = tmp_path_factory.mktemp("state") / "state.json"
    write_state(path, GOOD)
    content = bytearray(path.read_bytes())
    bit %= 8 * len(content)
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    try:
        assert read_state(path, State, MEND) == GOOD  # White space and the like.
    except RunError as error:
        assert str(error).startswith(f"{path}: ")


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 40, b"{", b"[]", b"7", b"null", b'"a"', b"\xff\xfe", b"[" * 100_000, b"9" * 5000],
)
def test_content_of_another_shape_is_told(tmp_path, content):
    path = tmp_path / "state.json"
    path.write_bytes(content)
    told(path)


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    path = tmp_path / "state.json"
    path.mkdir()
    assert "cannot be read: Is a directory" in told(path)


def test_emptied_files_are_told_apart_from_zeros_and_from_other_damage(tmp_path):
    path = tmp_path / "state.json"
    for content, what in ((b" \n", "is empty"), (b"\0" * 9, "zero bytes"), (b"{]", "not JSON")):
        path.write_bytes(content)
        assert what in told(path)


def test_files_of_earlier_versions_are_believed_and_digits_of_theirs_are_not(tmp_path):
    path = tmp_path / "state.json"
    path.write_text(
        '{"name": "winner", "losses": [0.5], "epoch": 1, "checksum": "e4715f735c70349d"}'
    )
    assert read_state(path, State, MEND) == State("winner", (0.5,), 1)
    path.write_text(path.read_text().replace("0.5", "0.6"))
    assert "its checksum is not that of its content" in told(path)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            '{"name": "winner", "losses": [0.5], "epoch": "1"}',
            "epoch: input should be a valid integer (received: '1')",
        ),
        (
            '{"name": "winner", "losses": [0.5], "epoch": -1}',
            "value error, epoch must be at least 0 "
            "(received: {'name': 'winner', 'losses': [0.5], 'epoch': -1})",
        ),
        (
            '{"name": "winner", "losses": ["%s"]}' % ("x" * 99),
            f"losses.0: input should be a valid number (received: '{'x' * 76}...)",
        ),
    ],
)
def test_a_fault_is_told_with_its_place_and_what_is_there(tmp_path, text, fault):
    path = tmp_path / "state.json"
    path.write_text(text)
    assert told(path) == f"{path}: damaged: {fault}; {MEND}."


def test_the_order_of_fields_means_nothing(tmp_path):
    path = tmp_path / "state.json"
    write_state(path, GOOD)
    path.write_text(json.dumps(dict(reversed(json.loads(path.read_text()).items()))))
    assert read_state(path, State, MEND) == GOOD


def test_every_cut_is_told(tmp_path):
    path = tmp_path / "state.json"
    write_state(path, GOOD)
    content = path.read_bytes()
    for length in range(len(content) - 2):
        path.write_bytes(content[:length])
        told(path)
    path.write_bytes(content[:-20] + b"\0" * 20)
    told(path)


def test_a_file_is_synced_before_it_takes_its_name_and_its_directory_after(tmp_path, monkeypatch):
    done = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        files.os, "fsync", lambda fd: (done.append(os.readlink(f"/proc/self/fd/{fd}")), sync(fd))
    )
    monkeypatch.setattr(files.os, "replace", lambda a, b: (done.append("replace"), replace(a, b)))
    with atomic_file(tmp_path / "notes.txt") as file:
        file.write("all of it")
    assert done[1:] == ["replace", str(tmp_path)]
    assert pathlib.Path(done[0]).parent == tmp_path


@pytest.mark.parametrize("fails", [UserError("no"), KeyboardInterrupt(), OSError(5, "I/O error")])
def test_a_block_that_fails_leaves_what_was_there(tmp_path, fails):
    path = tmp_path / "notes.txt"
    path.write_text("before")
    with pytest.raises((UserError, KeyboardInterrupt)), atomic_path(path) as draft:
        draft.write_text("half")
        raise fails
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes.txt"]


def test_a_fault_of_the_device_is_one_line_that_names_the_file(tmp_path):
    with pytest.raises(UserError, match="notes.txt: cannot be written: No space left"):
        with atomic_file(tmp_path / "notes.txt"):
            raise OSError(28, "No space left on device")


def test_json_stays_readable_by_others(tmp_path):
    path = tmp_path / "state.json"
    write_state(path, {"log_loss": 0.5, "value": 2})
    found = json.loads(path.read_text())
    assert (found["log_loss"], found["value"]) == (0.5, 2)
