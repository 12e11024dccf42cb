"""Damaged data sets and failing devices: one line, and nothing half-written is believed."""

import errno
import json
import os
import shutil

import pytest

from beam_preprocess.api import Schema, verify
from beam_preprocess.cli import main
from beam_preprocess.common import whole_file
from beam_preprocess.common.whole_file import write_whole
from beam_preprocess.dataset.manifest import verify_file
from beam_preprocess.errors import DataError

LOG = "label,x,user\n" + "0,1,a\n1,2,b\n" * 30
FILES = ("schema.json", "manifest.json")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished data set."""
    directory = tmp_path_factory.mktemp("whole")
    (directory / "log.csv").write_text(LOG)
    arguments = ["--dataset", "csv", "--label", "label", "--dense", "x", "--quiet", "--input"]
    assert main([*arguments, str(directory / "log.csv"), "--output", str(directory / "set")]) == 0
    return directory / "set"


def damages(data):
    """The file's bytes, damaged in every way that was ever seen."""
    body = json.loads(data)
    yield "empty", b""
    yield "zeros", bytes(len(data))
    yield "cut", data[: len(data) // 2]
    yield "ends in zeros", data[: len(data) // 2] + bytes(len(data) // 2)
    yield "no text", b"\xff\xfe" + data
    yield "nested", b"[" * 100_000
    yield "long number", b'{"format": ' + b"9" * 5000 + b"}"
    for value in (None, [], 3, "x", True, {}, {"format": "nasrec_tf.dataset"}):
        yield f"another value {value!r}", json.dumps(value).encode()
    for version in (0, 4, "2", None, 2.0, True):
        yield f"version {version!r}", json.dumps({**body, "version": version}).encode()
    for key in body:
        if key == "version":
            continue
        for value in (None, 7.5, ["x"], {"x": 1}, {"x": {"x": 1}}):
            if body[key] != value:
                yield f"{key} {value!r}", json.dumps({**body, key: value}).encode()


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named_in_one_line(whole, tmp_path, name, capsys):
    copy = tmp_path / "set"
    shutil.copytree(whole, copy)
    data = (copy / name).read_bytes()
    for damage, damaged in damages(data):
        (copy / name).write_bytes(damaged)
        assert main(["inspect", str(copy)]) == 2, damage
        errors = capsys.readouterr().err.splitlines()
        assert len(errors) == 1 and f"{copy / name}: " in errors[0], (damage, errors)
        assert "again" in errors[0], (damage, errors)
        valid = ("missing_tokens ['x']", "rejected {'x': 1}")  # the checksum alone tells
        if name == "schema.json" and damage not in valid:
            with pytest.raises(DataError, match="schema.json: "):
                Schema.load(copy)


def test_every_value_of_a_schema_is_checked(whole):
    body = json.loads((whole / "schema.json").read_text())
    for part in (body["dense"][0], body["sparse"][0], body["splits"]["train"]):
        for key, value in list(part.items()):
            for other in ({"x": 1}, [[1]], -5 if isinstance(value, int) else 3.5j):
                if isinstance(other, complex):
                    continue
                part[key] = other
                if key in ("minimum", "maximum", "mean", "missing") and other == -5:
                    continue
                with pytest.raises(DataError, match="schema.json: damaged schema"):
                    Schema.from_json(body)
            part[key] = value
    assert Schema.from_json(body) == Schema.load(whole)


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("at", [0, 3, 8, -1])
def test_a_failing_device_is_told_and_the_same_command_completes(
    whole, tmp_path, monkeypatch, capsys, code, at
):
    (tmp_path / "log.csv").write_text(LOG)
    command = ["--dataset", "csv", "--label", "label", "--dense", "x", "--quiet", "--input"]
    command += [str(tmp_path / "log.csv"), "--output", str(tmp_path / "set")]
    calls, real = [], os.fsync
    synced = 16  # files, directories and the name of the data set, at least

    def failing(descriptor):
        calls.append(descriptor)
        if len(calls) - 1 == (at if at >= 0 else synced + at):
            raise OSError(code, os.strerror(code))
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(whole_file.os, "fsync", failing)
        assert main(command) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1 and os.strerror(code) in errors[0], errors
    assert "name another --output" in errors[0] and str(tmp_path) in errors[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.csv"]
    assert main(command) == 0
    assert verify(tmp_path / "set") == verify(whole)


def test_everything_is_on_the_disk_before_the_data_set_has_its_name(tmp_path, monkeypatch):
    (tmp_path / "log.csv").write_text(LOG)
    synced, real_replace, real_sync = set(), os.replace, whole_file.sync_file

    def replace(source, target):
        files = {os.path.join(top, name) for top, _, names in os.walk(source) for name in names}
        folders = {top for top, _, _ in os.walk(source)}
        assert files | folders <= synced
        real_replace(source, target)

    def sync(path):
        synced.add(str(path))
        real_sync(path)

    monkeypatch.setattr(whole_file.os, "replace", replace)
    monkeypatch.setattr(whole_file, "sync_file", sync)
    monkeypatch.setattr("beam_preprocess.writing.output_files.sync_file", sync)
    command = ["--dataset", "csv", "--label", "label", "--quiet"]
    command += ["--input", str(tmp_path / "log.csv"), "--output", str(tmp_path / "set")]
    assert main(command) == 0
    assert str(tmp_path) in synced  # the name itself, last


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "schema.json"
    write_whole(path, b"old")

    def failing(descriptor):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(whole_file.os, "fsync", failing)
    with pytest.raises(OSError, match="Input/output error"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_the_manifest_does_not_know_is_told(whole):
    with pytest.raises(DataError, match="does not list mine.txt"):
        verify_file(whole, "mine.txt")
