"""Tables are put together whatever their order, and come back from files as they were."""

import dataclasses
import json
import random

import pyarrow.parquet as parquet
import pytest
from benchmark.made_tables import CARD, MADE_WITH, SPACE, made_table, row
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import concat_tables

from nasrec_tf.benchmark.architecture_stream import ArchitectureStream
from nasrec_tf.benchmark.command import main
from nasrec_tf.benchmark.measured_table import MeasuredTable, count_unequal, joined
from nasrec_tf.benchmark.table_files import METADATA, RowsFile, read_table, write_parquet
from nasrec_tf.common.errors import RunError, UserError

ARCHITECTURES = [ArchitectureStream(SPACE, 0).at_random(n) for n in range(3)]
LOSSES = st.none() | st.floats(0.01, 10.0)
ROWS = st.builds(row, st.sampled_from(ARCHITECTURES), LOSSES, st.integers(1, 2))


def of_rows(rows):
    environments = {MADE_WITH: {"numpy": "2"}} if rows else {}
    return joined(
        MeasuredTable({CARD.protocol: CARD}, environments, {each.key: each}) for each in rows
    )


@given(st.lists(st.lists(ROWS, max_size=4), max_size=4), st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(parts, shuffler):
    tables = [of_rows(rows) for rows in parts]
    whole = joined(tables)
    shuffled = [*tables, *tables[:1]]
    shuffler.shuffle(shuffled)
    assert joined(shuffled) == whole
    assert joined([joined(tables[:2]), joined(tables[2:])]) == whole
    assert set(whole.rows) == {each.key for rows in parts for each in rows}


def test_unequal_figures_of_one_training_are_counted():
    one, other = (of_rows([row(ARCHITECTURES[0], loss)]) for loss in (0.5, 0.51))
    assert count_unequal([one, one], joined([one])) == 0
    assert count_unequal([one, other], joined([one, other])) == 1
    # The first by its text, as in tables that were joined before.
    texts = [each.text for table in (one, other) for each in table.rows.values()]
    assert [each.text for each in joined([other, one]).rows.values()] == [min(texts)]


def test_trainings_that_no_name_leads_to_are_told(tmp_path, capsys):
    """Of several recipes under one name most rows are asked; of several names one stays."""
    recipe = CARD.recipe.replace(row_decay=0.1)
    cards = [
        CARD,
        dataclasses.replace(CARD, recipe=recipe),
        dataclasses.replace(CARD, name="a-copy"),
    ]
    for number, card in enumerate(cards):
        files = RowsFile(tmp_path / str(number), card)
        for seed in (1, 2) if card is CARD else (3,):
            made = row(ARCHITECTURES[0], 0.5, seed)
            files.add(dataclasses.replace(made, protocol=card.protocol), {"numpy": "2"})
    places = [str(tmp_path / str(number)) for number in range(3)]

    def told(*arguments):
        assert main([str(argument) for argument in arguments]) == 0
        return capsys.readouterr().out

    both = tmp_path / "both.parquet"
    few = "made: 1 trainings are of other records, another recipe"
    assert few in told("join", *places[:2], "--out", both) and few in told("show", both)
    found = told("join", places[0], places[2], "--out", both)
    assert "made: the records, recipe and space of a-copy, by which name they go now" in found
    assert few not in found and few not in told("show", both)


def test_a_file_gives_back_the_table_and_equal_tables_equal_bytes(tmp_path):
    table = joined([made_table(count=5), of_rows([row(ARCHITECTURES[0], None, seed=9)])])
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    write_parquet(table, first)
    assert read_table(first) == table
    write_parquet(joined([read_table(first), table]), second)
    assert second.read_bytes() == first.read_bytes()


def test_rows_are_taken_that_are_of_the_same_protocol_and_missing(tmp_path):
    table = made_table(count=3)
    file = RowsFile(tmp_path / "same", CARD)
    assert (file.add_all(table), file.add_all(table)) == (6, 0)
    assert RowsFile(tmp_path / "same", CARD).table == file.table == table
    other = dataclasses.replace(CARD, recipe=CARD.recipe.replace(row_decay=0.1))
    assert RowsFile(tmp_path / "other", other).add_all(table) == 0


def test_no_damaged_bit_makes_another_table_of_a_file(tmp_path):
    """Parquet's own pages and footer are read as whatever they hold."""
    whole, damaged = tmp_path / "whole.parquet", tmp_path / "damaged.parquet"
    write_parquet(made_table(count=3), whole)
    content, table = whole.read_bytes(), read_table(whole)
    draw, told = random.Random(0), 0
    for _ in range(300):
        changed = bytearray(content)
        changed[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        damaged.write_bytes(changed)
        try:
            assert read_table(damaged) == table
        except RunError as error:
            assert str(damaged) in str(error)
            told += 1
    assert told > 100


def test_a_file_of_a_version_without_a_digest_is_read(tmp_path):
    path, table = tmp_path / "earlier.parquet", made_table(count=3)
    write_parquet(table, path)
    found = parquet.read_table(path)
    about = json.loads(found.schema.metadata[METADATA])
    del about["digest"]
    parquet.write_table(found.replace_schema_metadata({METADATA: json.dumps(about)}), path)
    assert read_table(path) == table


def rewritten(path, change_rows=lambda rows: rows, **about):
    """A file as an earlier version or another program would leave it, without a digest."""
    found = parquet.read_table(path)
    told = json.loads(found.schema.metadata[METADATA])
    del told["digest"]
    told = {name: value for name, value in (told | about).items() if value is not None}
    changed = change_rows(found).replace_schema_metadata({METADATA: json.dumps(told)})
    parquet.write_table(changed, path)


def test_columns_are_known_by_their_names(tmp_path):
    path, table = tmp_path / "turned.parquet", made_table(count=3)
    write_parquet(table, path)
    found = parquet.read_table(path)
    parquet.write_table(found.select(found.column_names[::-1]), path)
    assert read_table(path) == table
    rewritten(path, lambda rows: rows.drop(["mflops"]))
    with pytest.raises(RunError, match="it has no column 'mflops'"):
        read_table(path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"cards": None}, "damaged"),
        ({"cards": 5}, "damaged"),
        ({"cards": []}, "has no data set or environment"),
        ({"environments": None}, "damaged"),
        ({"environments": {}}, "has no data set or environment"),
        ({"change_rows": lambda rows: concat_tables([rows, rows.slice(1, 1)])}, "is there twice"),
    ],
)
def test_a_file_that_was_put_together_wrongly_is_told_in_a_line(tmp_path, change, told):
    path = tmp_path / "odd.parquet"
    write_parquet(made_table(count=3), path)
    rewritten(path, **change)
    with pytest.raises(RunError, match=f"odd.parquet: .*{told}"):
        read_table(path)


@pytest.mark.parametrize("licence", ["CC BY 4.0", "research only"])
def test_a_licence_that_one_table_states_is_that_of_both(licence):
    tables = [
        MeasuredTable({CARD.protocol: dataclasses.replace(CARD, licence=each)}, {}, {})
        for each in ("not stated", licence)
    ]
    for order in (tables, tables[::-1]):
        assert joined(order).cards[CARD.protocol].licence == licence


@pytest.mark.parametrize("content", [b"", b"PAR1 and nothing else"])
def test_what_is_no_table_is_told(tmp_path, content):
    path = tmp_path / "odd.parquet"
    path.write_bytes(content)
    with pytest.raises(UserError, match="odd.parquet"):
        read_table(path)
    with pytest.raises(UserError, match="No table 'ctr-nas-99'"):
        read_table("ctr-nas-99")
    with pytest.raises(UserError, match="no table was built"):
        read_table(tmp_path)
