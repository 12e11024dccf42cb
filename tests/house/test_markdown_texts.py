"""What data put into Markdown is shown as it is."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from beam_preprocess.common.markdown_cell import markdown_cell, markdown_code
from nasrec_tf.report.markdown_table import markdown_table

GITHUB = MarkdownIt("commonmark").enable(["table", "strikethrough"])
TEXTS = st.text(st.sampled_from("ab1_*`~|\\<>&;#[]()!:/-. \n"), min_size=1, max_size=12).filter(
    str.strip
)
COLUMNS = ("model", "loss")


def shown(tokens):
    """Each piece of text with its kind, as a reader has it."""
    return [
        [(child.type, child.content) for child in token.children]
        for token in tokens
        if token.type == "inline"
    ]


@pytest.mark.property
@given(TEXTS)
@example("_id_")
@example("__all__")
@example("a*b*c")
@example("\\N")
@example("a\\|b")
@example("&amp;")
@example("~~old~~")
@example("[log](https://example.com)")
def test_a_name_in_a_table_is_what_it_is(name):
    told = " ".join(name.split())
    cells = shown(GITHUB.parse(markdown_table(COLUMNS, [(f"x {name}", "0.5"), ("y", "1")])))
    assert [joined(cell) for cell in cells] == ["model", "loss", f"x {told}", "0.5", "y", "1"]
    (line,) = shown(GITHUB.parse(f"# x {markdown_cell(name)}: comparison"))
    assert joined(line) == f"x {told}: comparison"


def joined(pieces):
    assert {kind for kind, _ in pieces} <= {"text", "text_special"}
    return "".join(content for _, content in pieces)


@pytest.mark.property
@given(TEXTS)
def test_a_name_as_code_is_what_it_is(name):
    ((piece,),) = shown(GITHUB.parse(markdown_code(name)))
    assert piece == ("code_inline", " ".join(name.split()))


def test_underscores_within_words_are_left_to_whoever_reads_the_file():
    assert markdown_cell("warmup=false,fine_tune_steps=0") == "warmup=false,fine_tune_steps=0"
    assert not re.search(r"\\", markdown_cell("user_id, 3 a day (+0.1 to -0.1), 5 % # 1 & 2"))
