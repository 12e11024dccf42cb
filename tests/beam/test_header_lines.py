"""Parts of a log with a header and parts without: told by file and line, and never read as rows."""

import pytest

from beam_preprocess.config import PreprocessConfig
from beam_preprocess.datasets.toml_file import read_toml
from beam_preprocess.errors import DataError
from beam_preprocess.reading.decode import decode_rows
from beam_preprocess.reading.parse import parse_block
from beam_preprocess.running.describe import describe
from beam_preprocess.running.input_files import find_inputs

NUMBERS = 'label = "click"\n'
WORDS = 'label = {column = "click", positive = ["yes"]}\n'
NAMES = 'header = false\ncolumns = ["click", "price", "user"]\n'


def rows(count=60, clicks=("0", "1"), header=""):
    lines = (f"{clicks[n % 4 == 0]},{n % 7}.5,u{n % 5}\n" for n in range(count))
    return header + "".join(lines)


def found(tmp_path, layout, *parts):
    """The columns of a log of some parts."""
    (tmp_path / "log").mkdir()
    for number, part in enumerate(parts):
        (tmp_path / "log" / f"part-{number}.csv").write_text(part)
    (tmp_path / "log.toml").write_text('delimiter = ","\n' + layout)
    description = read_toml(tmp_path / "log.toml")
    config = PreprocessConfig(description, "out", inputs=(str(tmp_path / "log"),))
    return find_inputs(config)[0].description


@pytest.mark.parametrize(
    ("layout", "clicks", "header", "why"),
    [
        (NUMBERS + 'sparse = ["user"]\n', ("0", "1"), "Click, price ,user", "the names of its"),
        (NUMBERS + 'dense = ["price"]\n', ("0", "1"), "y,cost,who", "'y' above numbers"),
        (WORDS + 'dense = ["price"]\n', ("no", "yes"), "yes,cost,who", "'cost' above numbers"),
        (WORDS + 'sparse = ["user"]\n', ("no", "yes"), "y,cost,who", "'y' is the label of no"),
    ],
)
def test_one_part_of_a_log_without_headers_has_one(tmp_path, layout, clicks, header, why):
    plain = rows(clicks=clicks)
    with pytest.raises(DataError, match=f"part-1.csv line 1: is a header.*{why}.*take the line"):
        found(tmp_path, layout + NAMES, plain, header + "\n" + plain)


@pytest.mark.parametrize(
    ("layout", "first"),
    [
        (NUMBERS + 'sparse = ["user"]\n', "no,x,u7\n"),  # malformed as all rows, as the scan says
        (WORDS + 'sparse = ["user"]\n', "yes,none,u7\n"),
    ],
)
def test_a_row_of_words_is_no_header_where_rows_have_words(tmp_path, layout, first):
    clicks = ("no", "yes")
    assert found(tmp_path, layout + NAMES, first + rows(clicks=clicks)).columns[0] == "click"


def test_one_part_of_a_log_with_headers_has_none(tmp_path):
    layout = NUMBERS + 'header = true\ndense = ["price"]\n'
    with pytest.raises(DataError, match="part-1.csv: header .* line 1 is a row.*in front of it"):
        found(tmp_path, layout, rows(header="click,price,user\n"), rows())


def test_a_log_of_which_no_part_has_a_header(tmp_path):
    layout = NUMBERS + 'header = true\ndense = ["price"]\n'
    with pytest.raises(DataError, match=r"no column 'click'.*say header = false and columns = "):
        found(tmp_path, layout, rows())
    assert "header = false" in describe([str(tmp_path / "log")])


def test_headers_of_files_that_were_joined_are_no_rows_without_clicks(tmp_path):
    header = "click,price,user\n"
    text = rows(clicks=("no", "yes"), header=header) + rows(clicks=("no", "yes"), header=header)
    description = found(tmp_path, WORDS + "header = true\n", text)
    block, rejects = decode_rows(
        parse_block(text.encode(), 0, description, 1000), description, numeric_ids=False
    )
    assert (len(block), block.label.sum()) == (120, 30)
    assert [(reject.line, reject.reason) for reject in rejects] == [
        (61, "column click: the header again: 'click'")
    ]


def test_the_description_of_a_log_of_unlike_parts_says_so(tmp_path):
    (tmp_path / "a.csv").write_text("click,price,user\n")  # its rows are in the other part
    (tmp_path / "b.csv").write_text(rows())
    refused = describe([str(tmp_path)]).splitlines()[1]
    assert "a run is refused" in refused and "a.csv line 1: is a header" in refused
