"""Logs of our own making in the form of five public ones, and the commands that take them."""

import dataclasses
import datetime
import pathlib
import random
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as parquet

ROWS = 400
GENRES = ("Comedy", "Drama", "Film-Noir", "War")
DESCRIBE = "beam_preprocess describe {log} -o {toml}"


@dataclasses.dataclass(frozen=True)
class Layout:
    """A log and how it is told to the programs.

    Args:
        write: writes the log into a directory and returns its path.
        describe: whether ``describe`` writes the description; else it is ``toml``, or options do.
        toml: the description.
        options: of the command line, beside ``--data`` or ``--input``; ``{directory}`` is where the
            log lies.
        dense: names of dense features, in order.
        sparse: names of sparse features.
        positives: rows with a click.
    """

    write: Callable[[pathlib.Path], pathlib.Path]
    dense: tuple[str, ...]
    sparse: tuple[str, ...]
    positives: int
    describe: bool = False
    toml: str = ""
    options: tuple[str, ...] = ()


def census(directory):
    """The Adult data of UCI: no header, blanks behind commas, ``?`` for what is missing."""
    draw = random.Random(1)
    lines = []
    for n in range(ROWS):
        work = draw.choice(["Private", "?", "State-gov", "Self-emp-inc"])
        income = ">50K" if n % 4 == 0 else "<=50K"
        gain = draw.choice([0] * 20 + [2174, 14084, 99999])
        fields = [draw.randint(17, 90), work, draw.randint(20_000, 900_000)]
        fields += [draw.choice(["Bachelors", "HS-grad", "11th"]), draw.choice(["Male", "Female"])]
        lines.append(", ".join(map(str, [*fields, gain, draw.randint(1, 99), income])))
    path = directory / "adult.data"
    path.write_text("\n".join(lines) + "\n\n")
    return path


def bank(directory):
    """UCI's Bank Marketing: semicolons, quoted text, ``yes`` and ``no``, negative indices."""
    draw = random.Random(2)
    lines = ['"age";"job";"month";"duration";"cons.conf.idx";"y"']
    for n in range(ROWS):
        job, month = draw.choice(["admin.", "blue-collar", "unknown"]), draw.choice(["may", "jun"])
        numbers = f'{draw.randint(18, 95)};"{job}";"{month}";{draw.randint(0, 4000)}'
        lines.append(f'{numbers};{-draw.randint(260, 508) / 10};"{("no", "yes")[n % 5 == 0]}"')
    path = directory / "bank.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def ratings(directory):
    """MovieLens 1M: ``::`` between user, film, stars and seconds since 1970; films' genres."""
    draw = random.Random(3)
    lines = []
    for n in range(ROWS):
        stars = n % 5 + 1
        seconds = 956_700_000 + n * 5000
        lines.append(f"{draw.randint(1, 40)}::{draw.randint(1, 60)}::{stars}::{seconds}")
    films = [
        f"{film}::Fußball {film}, Der Film (1998)::{'|'.join(draw.sample(GENRES, film % 3 + 1))}"
        for film in range(1, 60)
    ]
    (directory / "movies.dat").write_text("\n".join(films) + "\n", encoding="latin-1")
    path = directory / "ratings.dat"
    path.write_text("\n".join(lines) + "\n", encoding="latin-1")
    return path


def partitioned(directory):
    """A directory as Spark and Hive leave it: Parquet below ``day=...``, and a ``_SUCCESS``."""
    draw = random.Random(4)
    log = directory / "events"
    for day in range(1, 5):
        part = log / f"day=2024-03-{day:02d}"
        part.mkdir(parents=True)
        start = datetime.datetime(2024, 3, day)
        rows = range(ROWS // 4)
        table = pa.table(
            {
                "clicked": [n % 4 == 0 for n in rows],
                "item": pa.array([draw.choice([None, 7, 8, 9]) for n in rows], pa.float64()),
                "price": [draw.randint(1, 900) / 10 for _ in rows],
                "at": pa.array([start + datetime.timedelta(minutes=9 * n) for n in rows]),
            }
        )
        parquet.write_table(table, part / "part-00000.snappy.parquet")
    (log / "_SUCCESS").touch()
    return log


IPINYOU_COLUMNS = (
    "click\tweekday\thour\tbidid\ttimestamp\tlogtype\tipinyouid\tuseragent\tIP\tregion\tcity\t"
    "adexchange\tdomain\tslotwidth\tslotheight\tslotprice\tpayprice\tadvertiser\tusertag"
)


def ipinyou(directory):
    """iPinYou's bidding log: tabs, times of 17 digits, ``null``, tags with commas."""
    draw = random.Random(5)
    lines = [IPINYOU_COLUMNS]
    start = datetime.datetime(2013, 6, 6)
    for n in range(ROWS):
        at = start + datetime.timedelta(minutes=13 * n)
        tags = ",".join(draw.sample(["10006", "10024", "13403", "16706"], 2))
        fields = [f"{n % 8 == 0:d}", at.strftime("%w"), f"{at.hour:02d}", f"bid{n:08x}"]
        fields += [f"{at:%Y%m%d%H%M%S}{n % 1000:03d}", "1", f"user{n % 30}"]
        fields += [draw.choice(["windows_ie", "android_safari"]), f"180.107.{n % 9}.*"]
        fields += [draw.choice(["80", "216"]), draw.choice(["82", "217"]), draw.choice("123")]
        fields += [draw.choice(["trqRTuT", "null"]), draw.choice(["300", "728"]), "90"]
        fields += [str(draw.randint(0, 200)), str(draw.randint(20, 300)), "1458"]
        lines.append("\t".join([*fields, draw.choice(["null", tags])]))
    path = directory / "train.log.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


RATINGS_TOML = """columns = ["user", "film", "stars", "at"]
header = false
delimiter = "::"
file_encoding = "latin-1"
label = {column = "stars", above = 3}
group = "user"
time_column = "at"
times = {at = {format = "seconds", derive = ["hour_of_day", "weekday"]}}

[[side_tables]]
name = "films"
key = "film"
columns = ["title", "genres"]
delimiter = "::"
file_encoding = "latin-1"
sparse = [{source = "genres", multi = "|"}]
"""

CENSUS_TOML = """columns = ["age", "work", "weight", "education", "sex", "gain", "hours", "income"]
header = false
skip_blanks = true
missing_tokens = ["?"]
label = {column = "income", positive = [">50K"]}
dense = ["age", "weight", "gain", "hours"]
"""

LAYOUTS = {
    "census": Layout(
        census,
        dense=("age", "weight", "gain", "hours"),
        sparse=("work", "education", "sex"),
        positives=100,
        toml=CENSUS_TOML,
    ),
    "bank": Layout(
        bank,
        dense=("age", "duration", "cons.conf.idx"),
        sparse=("job", "month"),
        positives=80,
        options=(
            *("--dataset", "csv", "--delimiter", ";", "--label", "y", "--label-positive", "yes"),
            *("--dense", "age,duration,cons.conf.idx", "--dense-transform", "standardize"),
        ),
    ),
    "ratings": Layout(
        ratings,
        dense=(),
        sparse=("user", "film", "genres", "at_hour_of_day", "at_weekday"),
        positives=160,
        toml=RATINGS_TOML,
        options=("--split", "chronological", "--side-table", "films={directory}/movies.dat"),
    ),
    "partitions": Layout(
        partitioned,
        dense=("price",),
        sparse=("item", "at_hour_of_day", "at_weekday", "day_weekday"),
        positives=100,
        describe=True,
    ),
    "ipinyou": Layout(
        ipinyou,
        dense=("slotprice", "payprice"),
        sparse=(
            *("weekday", "hour", "ipinyouid", "useragent", "IP", "region", "city", "adexchange"),
            *("slotwidth", "usertag", "timestamp_hour_of_day", "timestamp_weekday"),
        ),
        positives=50,
        describe=True,
        options=("--split", "chronological"),
    ),
}
