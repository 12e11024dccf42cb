"""Files that appear whole: what may stand where one is to be written."""

import os
import subprocess
import sys

import pytest

from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.common.errors import UserError


def write(path):
    with atomic_file(path) as file:
        file.write("new")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pipe", "is a device or a pipe"),
        ("directory", "is a directory"),
        ("a\0b", "zero character"),
        ("a" * 300, "File name too long"),
        ("missing/file", "cannot be written"),
    ],
)
def test_what_cannot_be_a_file_is_told_and_left_alone(tmp_path, name, message):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(UserError, match=message):
        write(f"{tmp_path}/{name}")
    assert sorted(os.listdir(tmp_path)) == before


def test_a_device_is_never_replaced():
    with pytest.raises(UserError, match="/dev/null: is a device or a pipe"):
        write("/dev/null")


def test_what_is_written_through_a_link_stands_where_it_leads(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real.txt")
    write(tmp_path / "link")
    assert (tmp_path / "real.txt").read_text() == "new" and (tmp_path / "link").is_symlink()


WRITES = """
import os, signal, sys
from nasrec_tf.common.atomic_file import atomic_file

with atomic_file(sys.argv[1]) as file:
    file.write("half")
    file.flush()
    print("written", flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_process_left_is_deleted_and_not_what_one_is_writing(tmp_path):
    path, other = tmp_path / "log.csv", tmp_path / "other.csv"
    command = [sys.executable, "-c", WRITES]
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    one, elsewhere, alive = (
        subprocess.Popen([*command, str(each)], **pipes) for each in (path, other, path)
    )
    for process in (one, elsewhere, alive):
        assert process.stdout.readline() == "written\n"
    for process in (one, elsewhere):
        process.kill()
        process.communicate()
    assert len(list(tmp_path.iterdir())) == 3
    for draft in tmp_path.iterdir():
        os.utime(draft, (0, 0))
    write(path)
    # The draft of another file is left to whoever writes that; the one in hand is not touched.
    assert len(list(tmp_path.iterdir())) == 3 and path.read_text() == "new"
    write(other)
    alive.communicate()
    assert alive.returncode == 0
    assert {entry.name: entry.read_text() for entry in tmp_path.iterdir()} == {
        "log.csv": "half",
        "other.csv": "new",
    }
