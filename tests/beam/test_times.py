"""Times of every usual form, and the hours, days and ages that are made of them."""

import calendar
import datetime
import math

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_preprocess.common.calendar_days import days_since_1970, month_and_day, weekday
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.dataset.time_formats import time_format
from beam_preprocess.datasets.toml_file import read_toml
from beam_preprocess.errors import DataError
from beam_preprocess.reading.moments import derived_categories, moments_of, seconds_of
from beam_preprocess.running.origin_check import describe_origin, recorded_description

unhurried = settings(deadline=None)

EPOCH = datetime.datetime(1970, 1, 1)
STRPTIME_FORMS = [
    "%Y%m%d%H",
    "%d/%m/%Y",
    "%m/%d/%Y %I:%M %p",
    "%d-%b-%Y %H:%M:%S",
    "%B %d, %Y",
    "%a, %d %b %Y %H:%M:%S %z",
    "%d/%b/%Y:%T %z",
    "%y%m%d %H",
    "100%% on %d.%m.%Y",
]


@unhurried
@given(st.dates())
def test_the_calendar_is_that_of_python(day):
    number = (day - EPOCH.date()).days
    assert days_since_1970(day.year, day.month, day.day) == number
    assert month_and_day(number) == (day.month, day.day)
    assert weekday(number) == day.weekday()


@unhurried
@given(
    st.sampled_from(STRPTIME_FORMS),
    st.datetimes(min_value=datetime.datetime(1000, 1, 1)),
    st.integers(-23 * 60, 23 * 60),
)
def test_directives_are_read_as_python_reads_them(form, moment, minutes_ahead):
    zone = datetime.timezone(datetime.timedelta(minutes=minutes_ahead))
    text = moment.replace(tzinfo=zone).strftime(form)
    expected = datetime.datetime.strptime(text, form.replace("%T", "%H:%M:%S"))
    if expected.tzinfo is None:
        expected = expected.replace(tzinfo=datetime.timezone.utc)
    since = expected - EPOCH.replace(tzinfo=datetime.timezone.utc)
    assert seconds_of(text, form) == since // datetime.timedelta(seconds=1)


@unhurried
@given(
    st.sampled_from([*STRPTIME_FORMS, "iso8601", "seconds", "milliseconds"]),
    st.datetimes(min_value=datetime.datetime(1970, 1, 1), max_value=datetime.datetime(2068, 1, 1)),
)
def test_what_a_form_writes_it_reads(form, moment):
    whole = moment.replace(minute=0, second=0, microsecond=0)
    text = time_format(form).write(whole)
    read = datetime.timedelta(seconds=seconds_of(text, form)) + EPOCH
    assert (read.date(), read.hour in (whole.hour, 0)) == (whole.date(), True)


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("3/4/2024", "%d/%m/%Y", "2024-04-03 00:00:00"),
        ("3/4/2024", "%m/%d/%Y", "2024-03-04 00:00:00"),
        ("OCTOBER 21, 2014", "%b %d, %Y", "2014-10-21 00:00:00"),
        ("21 sept 2014", "%d %b %Y", "2014-09-21 00:00:00"),
        ("Oct  3 2014", "%b %d %Y", "2014-10-03 00:00:00"),
        ("12:30 am 1/1/2020", "%I:%M %p %d/%m/%Y", "2020-01-01 00:30:00"),
        ("12:30 PM 1/1/2020", "%I:%M %p %d/%m/%Y", "2020-01-01 12:30:00"),
        ("31/12/68", "%d/%m/%y", "2068-12-31 00:00:00"),
        ("31/12/69", "%d/%m/%y", "1969-12-31 00:00:00"),
        ("1413840000", "seconds", "2014-10-20 21:20:00"),
        ("-0.5", "seconds", "1969-12-31 23:59:59"),
        ("1413840000999", "milliseconds", "2014-10-20 21:20:00"),
        ("-1", "milliseconds", "1969-12-31 23:59:59"),
        ("2014-10-21 01:00+02:00", "iso8601", "2014-10-20 23:00:00"),
    ],
)
def test_times_of_usual_forms(text, form, expected):
    assert str(EPOCH + datetime.timedelta(seconds=seconds_of(text, form))) == expected


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("31/04/2024", "%d/%m/%Y"),
        ("29/02/2023", "%d/%m/%Y"),
        ("12/31/2024", "%d/%m/%Y"),
        ("01/02/2024 ", "%d/%m/%Y"),
        ("01/02/2024\n", "%d/%m/%Y"),
        ("13:00 PM", "%I:%M %p"),
        ("Octo 3 2014", "%b %d %Y"),
        ("1e9", "seconds"),
        ("999999999999", "seconds"),
        ("0000-01-01", "iso8601"),
        ("１/2/2024", "%d/%m/%Y"),
    ],
)
def test_what_is_no_time_is_refused(text, form):
    with pytest.raises(ValueError):
        seconds_of(text, form)


def test_hours_and_days_are_those_that_are_written_whatever_the_zone():
    found = moments_of(pa.array(["2014-10-21T23:30-05:00"]), time_format("iso8601"))
    for derivation, category in (
        *(("hour_of_day", b"23"), ("weekday", b"1"), ("day_of_month", b"21"), ("month", b"10")),
    ):
        assert derived_categories(found, derivation).to_pylist() == [category]


def features(directory):
    schema = Schema.load(directory)
    return schema.dense_names, schema.sparse_names


LOG = [
    # label, sign-up, click, shop
    ("1", "01/02/2024", "2024-02-03T12:00:00Z", "a"),
    ("0", "29/02/2024", "2024-02-28T00:00:00Z", "b"),
    ("1", "", "2024-03-03T05:00:00Z", "a"),
    ("0", "01/01/2000", "", "b"),
    ("0", "31/02/2024", "2024-03-03T05:00:00Z", "b"),
]

TIMES_TOML = """label = "click"
delimiter = ";"
[times]
signed_up = {format = "%d/%m/%Y", derive = ["month"], age_until = "clicked"}
clicked = {format = "iso8601", derive = ["hour_of_day", "weekday"]}
[[dense]]
source = "signed_up"
name = "tenure"
transform = "identity"
missing = -1.0
derive = "age"
until = "2024-03-01"
"""


def test_a_log_with_dates_becomes_hours_days_and_ages(make_dataset, read_split, tmp_path):
    toml = tmp_path / "shop.toml"
    toml.write_text(TIMES_TOML)
    rows = "".join(";".join(row) + "\n" for row in LOG)
    for name in ("train", "validation", "test"):
        (tmp_path / f"{name}.csv").write_text("click;signed_up;clicked;shop\n" + rows)
    inputs = {n: (str(tmp_path / f"{n}.csv"),) for n in ("train", "validation", "test")}
    out = make_dataset(
        *("", str(toml)), split="given", split_inputs=inputs, min_count=1, max_reject_share=0.5
    )
    dense, sparse = features(out)
    assert dense == ("tenure", "signed_up_age")
    assert sparse == ("shop", "signed_up_month", "clicked_hour_of_day", "clicked_weekday")
    assert (out / "vocabularies/clicked_hour_of_day.txt").read_text() == "00\n05\n12\n"
    found = [dense for _, dense, _ in read_split(out, "train")]
    days = (datetime.date(2024, 3, 1) - datetime.date(2000, 1, 1)).days
    assert found == [
        (29.0, pytest.approx(math.log1p(2.5), rel=1e-6)),
        (1.0, 0.0),  # a sign-up after the click
        (-1.0, 0.0),
        (days, 0.0),
    ]
    reason = "column signed_up: not a time of the form %d/%m/%Y"
    assert Schema.load(out).rejected == {reason: 3}


def test_times_of_parquet_need_no_form_of_their_own(make_dataset, tmp_path):
    moments = [datetime.datetime(2024, 3, 1 + n % 9, n % 24, 30) for n in range(40)]
    table = pa.table(
        {
            "click": [n % 4 == 0 for n in range(40)],
            "at": pa.array(moments, pa.timestamp("us", "UTC")),
            "born": pa.array([moment.date() for moment in moments]),
        }
    )
    parquet.write_table(table, tmp_path / "log.parquet")
    toml = tmp_path / "log.toml"
    toml.write_text(
        'label = "click"\nfile_format = "parquet"\ntime_column = "at"\n[times]\n'
        'at = {format = "iso8601", derive = ["hour_of_day"]}\n'
        'born = {format = "iso8601", age_until = "at"}\n'
    )
    out = make_dataset(str(tmp_path / "log.parquet"), str(toml), split="chronological")
    schema = Schema.load(out)
    assert features(out) == (("born_age",), ("at_hour_of_day",))
    assert not schema.rejected and sum(split.rows for split in schema.splits.values()) == 40
    assert 0 < schema.dense[0].minimum < schema.dense[0].maximum < 1
    assert Schema.from_json(schema.to_json()) == schema


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[times]\nhour = "HH:MM"', "time column 'hour': time format 'HH:MM' is not known"),
        ('[times]\nhour = "%H:%Q"', "%Q is not known; known are %Y %y"),
        ('[times]\nhour = "%I:%M"', "%I and %p go together"),
        ('[times]\nhour = "%m"', "neither a date"),
        ('[times]\nhour = "%d/%d/%Y"', "says the day twice"),
        ('[times]\nhour = {derive = ["weekday"]}', "key 'format' is missing"),
        ('[times]\nhour = {format = "%H:%M", derive = ["weekday"]}', "has no date"),
        ('[times]\nday = {format = "%d/%m/%Y", derive = ["hour_of_day"]}', "has no hour"),
        ('[times]\nday = {format = "iso8601", derive = ["year"]}', "must be one of hour_of_day"),
        ('[times]\nday = {format = "iso8601", age_until = "seen"}', "say how its times"),
        ('dense = [{source = "day", derive = "age"}]', "until = .* go together"),
        ('time_format = "ISO"\ntime_column = "t"', "time format 'ISO' is not known"),
        (
            'time_column = "t"\ntime_format = "iso8601"\n[times]\nt = "seconds"',
            "say different things",
        ),
    ],
)
def test_wrong_descriptions_of_times_are_one_line(tmp_path, text, message):
    path = tmp_path / "log.toml"
    path.write_text(f'label = "click"\n{text}\n')
    with pytest.raises(DataError, match=message) as error:
        read_toml(path)
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)


def test_a_column_of_times_that_is_not_there_is_suggested(make_dataset, tmp_path):
    toml = tmp_path / "log.toml"
    toml.write_text('label = "label"\n[times]\nhuor = "iso8601"\n')
    with pytest.raises(DataError, match="no column 'huor', did you mean 'hour'"):
        make_dataset("label,hour,item\n1,2024-01-01,a\n", str(toml))


def test_a_data_set_tells_how_its_times_were_written(tmp_path):
    toml = tmp_path / "log.toml"
    toml.write_text(TIMES_TOML)
    described = read_toml(toml).resolve(("click", "signed_up", "clicked", "shop"), "log.csv")
    body = describe_origin(described, ()).description
    assert recorded_description(body, "origin.json") == described


def test_every_month_has_its_days():
    text = [f"{day}/{month}/2023" for month in range(1, 13) for day in range(1, 33)]
    valid = moments_of(pa.array(text), time_format("%d/%m/%Y")).valid
    assert int(valid.sum()) == sum(calendar.monthrange(2023, month)[1] for month in range(1, 13))
