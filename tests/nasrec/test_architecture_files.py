"""Architecture files that are malformed or out of all bounds: one line each, before any work."""

import json
import pathlib

import pytest

from nasrec_tf import draw, flops
from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import MAX_BLOCKS, MAX_TOKENS, MAX_WIDTH
from nasrec_tf.architecture.space import NASREC_FULL, SearchSpace, search_space
from nasrec_tf.common.errors import ArchitectureError, UserError

GOOD = {"dense_operators": {"fc": 8}, "sparse_operators": {"efc": 3}}
GOOD |= {"dense_sources": [0], "sparse_sources": [0]}


def text(blocks=(GOOD,), **changes):
    """An architecture file with some fields changed."""
    body = {"format": "nasrec_tf.architecture", "version": 1, "blocks": list(blocks)}
    return json.dumps(body | changes)


def block(**changes):
    """A file of one block with some fields changed."""
    return text([GOOD | changes])


def raw(field, value):
    """A file in which a field of the block stands as it is written here."""
    return block(**{field: "HERE"}).replace('"HERE"', value)


BITS = {"fc": {"weights": 8, "activations": 8}, "efc": {"weights": 8, "activations": 8}}

MALFORMED = {
    "empty": "",
    "zeros": "\0" * 64,
    "cut": text()[:-7],
    "two values": text() + text(),
    "no object": "[]",
    "a number": "3",
    "null": "null",
    "another format": text(format="nasrec_tf.space"),
    "no version": text(version=None),
    "a later version": text(version=3),
    "dense embeddings missing": text(version=2),
    "dense embeddings as number": text(version=2, dense_embeddings=1),
    "dense embeddings of an earlier version": text(dense_embeddings=True),
    "version as float": text(version=1.0),
    "version as truth": text(version=True),
    "no blocks": text([]),
    "blocks as object": text(blocks={}),
    "blocks as text": text(blocks="many"),
    "100,000 blocks": text([GOOD] * 100_000),
    "some blocks too many": text([GOOD] * (MAX_BLOCKS + 1)),
    "a block is null": text([None]),
    "a block is a list": text([[GOOD]]),
    "nested lists": raw("dense_sources", "[" * 5000 + "]" * 5000),
    "lists where names belong": raw("dense_operators", '[["fc", 8]]'),
    "nested objects": raw("bits", '{"fc":' * 3000 + "1" + "}" * 3000),
    "width of a thousand million": block(dense_operators={"fc": 10**9}),
    "width just above the bound": block(dense_operators={"fc": MAX_WIDTH + 1}),
    "a million tokens": block(sparse_operators={"efc": 10**6}),
    "tokens just above the bound": block(sparse_operators={"efc": MAX_TOKENS + 1}),
    "width beyond 64 bits": block(dense_operators={"fc": 2**80}),
    "width of 400 digits": raw("dense_operators", '{"fc": 1%s}' % ("0" * 400)),
    "width of 10,000 digits": raw("dense_operators", '{"fc": 1%s}' % ("0" * 10_000)),
    "width as float": raw("dense_operators", '{"fc": 8.0}'),
    "width with exponent": raw("dense_operators", '{"fc": 1e3}'),
    "infinite exponent": raw("dense_operators", '{"fc": 1e400}'),
    "width as text": block(dense_operators={"fc": "8"}),
    "width as truth": block(dense_operators={"fc": True}),
    "width as list": block(dense_operators={"fc": [8]}),
    "no width": block(dense_operators={"fc": None}),
    "negative width": block(sparse_operators={"efc": -3}),
    "not a number": raw("dense_operators", '{"fc": NaN}'),
    "infinity": raw("left_source", "Infinity"),
    "an operator twice": raw("dense_operators", '{"fc": 8, "fc": 16}'),
    "a field twice": text().replace('"dense_sources"', '"dense_sources": [0], "dense_sources"'),
    "blocks twice": text().replace('"blocks"', '"blocks": [], "blocks"'),
    "no operator": block(dense_operators={}),
    "unknown operator": block(dense_operators={"convolution": 8}),
    "operator of the other branch": block(dense_operators={"attention": 8}),
    "surrogate as a name": raw("dense_operators", r'{"\ud800": 8}'),
    "newlines in a name": raw("dense_operators", r'{"fc\n\n": 8}'),
    "name of 100,000 characters": block(dense_operators={"f" * 100_000: 8}),
    "unknown field": block(width=8),
    "surrogate as a field": text().replace('"dense_sources"', r'"\udfff": 1, "dense_sources"'),
    "source as float": block(dense_sources=[0.0]),
    "source as truth": block(dense_sources=[False]),
    "source of a later block": block(dense_sources=[1]),
    "source beyond 64 bits": block(left_source=2**70),
    "sources as text": block(sparse_sources="0"),
    "a source twice": block(sparse_sources=[0, 0]),
    "a list as source": block(left_source=[0]),
    "merger as number": block(dense_to_sparse=1),
    "bits of one operator": block(bits={"fc": BITS["fc"]}),
    "bits as number": block(bits={"fc": 8, "efc": 8}),
    "bits as float": block(bits=BITS | {"fc": {"weights": 8.0, "activations": 8}}),
    "too many bits": block(bits=BITS | {"fc": {"weights": 64, "activations": 8}}),
    "a list of bits": block(bits=[8, 8]),
    "bits in one block of two": text([GOOD | {"bits": BITS}, GOOD]),
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_file_is_one_line_that_names_it(tmp_path, capsys, content):
    path = tmp_path / "net.json"
    path.write_text(content, encoding="utf-8")
    for command in ([str(path)], [str(path), "--json"]):
        assert flops.main(command) == 2
    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    assert len(lines) == 2 and lines[0] == lines[1] and printed.out == ""
    assert str(path) in lines[0] and len(lines[0]) < 500
    with pytest.raises(ArchitectureError):
        Architecture.load(path)


def test_a_file_of_bytes_that_are_no_text_is_one_line(tmp_path, capsys):
    path = tmp_path / "net.json"
    for content in (b"\xff\xfe\x00", text().encode("utf-16"), b"\x80" * 100):
        path.write_bytes(content)
        assert flops.main([str(path)]) == 2
        assert str(path) in capsys.readouterr().err


def test_the_mark_that_editors_write_before_utf_8_is_passed_over(tmp_path):
    plain, marked = tmp_path / "plain.json", tmp_path / "marked.json"
    plain.write_text(text(), encoding="utf-8")
    marked.write_text(text(), encoding="utf-8-sig")
    assert Architecture.load(marked) == Architecture.load(plain)


def test_a_large_or_endless_file_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "net.json"
    with open(path, "wb") as file:
        file.truncate(1 << 40)
    for large in (path, pathlib.Path("/dev/zero")):
        with pytest.raises(ArchitectureError, match="larger than 1 MiB"):
            Architecture.load(large)


@pytest.mark.parametrize("name", ["", "/", ".", "x" * 300, "x\0y", "/nonexistent/net.json"])
def test_what_is_no_file_is_one_line(name, capsys):
    assert flops.main([name]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    with pytest.raises(UserError):
        search_space(name)


@pytest.mark.parametrize("count", ["-1", "1e3", "2.5", "x", "", "1048577", "9" * 400, "٣"])
@pytest.mark.parametrize("option", ["--dense-features", "--sparse-features"])
def test_a_count_of_features_is_checked_before_any_work(option, count, capsys):
    assert flops.main(["nasrec-criteo-small", f"{option}={count}"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert option in line and len(line) < 150


def test_no_sparse_feature_and_a_directory_that_is_no_data_set_are_one_line(tmp_path, capsys):
    for options in (["--sparse-features", "0"], ["--dataset", str(tmp_path)]):
        assert flops.main(["nasrec-criteo-small", *options]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_what_the_bounds_allow_is_read_and_costed_and_drawn(tmp_path, capsys):
    wide = NASREC_FULL.replace(num_blocks=3, dense_widths=(MAX_WIDTH,), sparse_widths=(MAX_TOKENS,))
    path = tmp_path / "net.json"
    wide.widest.save(path)
    assert flops.main([str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mflops"] > 1e6
    assert draw.main([str(path), "-o", str(tmp_path / "net.svg"), "--title", "\ud800 \x01 w"]) == 0


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"num_blocks": 10**9}, "num_blocks"),
        ({"num_blocks": MAX_BLOCKS + 1}, "num_blocks"),
        ({"dense_widths": (10**9,)}, "dense_widths"),
        ({"sparse_widths": (10**6,)}, "sparse_widths"),
        ({"dense_widths": (8.0,)}, "dense_widths"),
        ({"name": 3}, "name"),
        ({"name": ""}, "name"),
    ],
)
def test_a_search_space_is_bounded_alike(wrong, told):
    with pytest.raises(ArchitectureError, match=f"^Search space: {told} .*Received: "):
        SearchSpace.from_json(NASREC_FULL.to_json() | wrong)


@pytest.mark.parametrize(
    "content", ["a = [" + "[" * 5000, "a = 1\na = 2", "blocks = nan", "name = 1", "\0"]
)
def test_a_malformed_file_of_a_search_space_is_one_line(tmp_path, content):
    path = tmp_path / "space.toml"
    path.write_text(content)
    with pytest.raises(UserError) as error:
        search_space(str(path))
    assert str(path) in str(error.value) and len(str(error.value).splitlines()) == 1
