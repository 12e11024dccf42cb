"""The tables of a comparison's page, Markdown and CSV, row by row, as the same plain texts."""

import csv
import html
import html.parser
import io
import re

ENDS = {"better": "better", "worse": "worse", "within": "not told apart", "": ""}


class _Tables(html.parser.HTMLParser):
    """Cells of all tables of a page, the texts of a cell joined by a blank."""

    def __init__(self):
        super().__init__()
        self.tables, self._cell = [], None

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self._cell = []

    def handle_data(self, data):
        if self._cell is not None:
            self._cell.append(data)

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.tables[-1][-1].append(" ".join(" ".join(self._cell).split()))
            self._cell = None


def of_page(text):
    """Header and rows of each table of a page."""
    reader = _Tables()
    reader.feed(text)
    return [(table[0], table[1:]) for table in reader.tables if table]


def of_markdown(text):
    """Header and rows of each table of a Markdown text."""
    tables, rows = [], []
    for line in [*text.splitlines(), ""]:
        if line.startswith("| "):
            cells = re.split(r"(?<!\\)\|", line.strip()[1:-1])
            rows.append([_plain(cell) for cell in cells])
        elif rows:
            tables.append((rows[0], rows[2:]))
            rows = []
    return tables


def _plain(cell):
    return html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", cell.strip()))


def of_csv(text):
    """Rows of the CSV by name of the model."""
    return {row["model"]: row for row in csv.DictReader(io.StringIO(text))}


def number(text, digits):
    return "–" if text == "" else f"{float(text):,.{digits}f}"


def figure(row, name):
    """A figure of the CSV as the tables show it."""
    mean = row.get(f"{name}_mean", row.get(name, ""))
    deviation = row.get(f"{name}_deviation", "")
    return number(mean, 5) + (f" ± {number(deviation, 5)}" if deviation else "")


def gap(row, name):
    """A difference of the CSV, and what it is said to be, as the tables show both."""
    value, low, high = (row[name + end] for end in ("", "_low", "_high"))
    text = f"{float(value):+.5f}" if value else "–"
    if low:
        text += f" ({float(low):+.5f} to {float(high):+.5f})"
    return [text, ENDS[row[f"{name}_verdict"]]]


def quality(row, groups):
    """Cells of the table of qualities that the CSV asks for."""
    names = ["log_loss", "auc", *(["grouped_auc"] if groups else [])]
    return [cell for name in names for cell in (figure(row, name), *gap(row, f"{name}_gap"))]


def average(row):
    """Likewise, of the trainings averaged."""
    trainings = str(int(row["seeds"]) - int(row["diverged"]))
    cells = [(figure(row, name), *gap(row, f"{name}_gap"))
             for name in ("averaged_log_loss", "averaged_auc")]  # fmt: skip
    return [trainings, *cells[0], *cells[1]]


def duration(text):
    """Seconds as the tables show them."""
    from nasrec_tf.report.page import duration as shown

    return shown(float(text))


def millions(value, digits=4):
    """Millions as the tables show them."""
    from nasrec_tf.report.page import millions as shown

    return shown(float(value), digits)


def costs(row):
    """Likewise, of the costs, rows and time of each in a cell."""
    cells = [
        millions(row["mflops"]),
        f"{int(row['parameters']):,}",
        f"{int(row['embedding_parameters']):,}",
        number(row["training_us_per_row"], 2),
        number(row["inference_us_per_row"], 2),
    ]
    for name in ("training", "tuning", "search"):
        rows, seconds = row[f"{name}_rows"], row[f"{name}_seconds"]
        cells.append(f"{millions(float(rows) / 1e6, 3)} {duration(seconds)}" if rows else "–")
    return cells


def check_same(page, text, figures):
    """Asserts that page and Markdown show the CSV's figures, in its order of the models.

    Args:
        page: HTML of the page.
        text: Markdown.
        figures: the CSV.
    """
    rows = of_csv(figures)
    trained = {name: row for name, row in rows.items() if row["recipe"]}
    averaged = {name: row for name, row in rows.items() if row["averaged_log_loss"]}
    shown, written = of_page(page), of_markdown(text)

    table = _with(shown, "Validation log loss")
    wanted = {name: quality(row, "Within" in " ".join(table[0])) for name, row in rows.items()}
    assert list(_named(table, slice(1, -1))) == list(wanted)
    assert _named(table, slice(1, -1)) == wanted
    assert _named(written[0], slice(1, None)) == wanted
    validation = {name: [figure(row, "validation")] for name, row in rows.items()}
    assert _named(table, slice(-1, None)) == validation

    wanted = {name: average(row) for name, row in averaged.items()}
    if wanted:
        for table in (_with(shown, "Trainings"), _with(written, "trainings")):
            assert _named(table, slice(1, None)) == wanted

    wanted = {name: costs(row) for name, row in trained.items()}
    assert _named(_with(shown, "Weights"), slice(1, None)) == wanted
    pairs = _named(_with(written, "weights"), slice(1, None))
    assert {name: _paired(cells) for name, cells in pairs.items()} == wanted
    recipes = {name: [row["recipe"]] for name, row in trained.items()}
    assert _named(_with(written, "recipe"), slice(1, None)) == recipes
    assert _named(_with(shown, "What differs from the paper's recipe"), slice(1, None)) == recipes


def _with(tables, column):
    """The first table that has a column."""
    return next(table for table in tables if column in table[0])


def _named(table, cells):
    """Some cells of each row by the name of its model."""
    return {_name(row[0]): row[cells] for row in table[1]}


def _name(cell):
    """What stands before the star, the title or the parenthesis behind a model's name."""
    return cell.split(" ")[0]


def _paired(cells):
    """Costs of Markdown, whose rows and times are cells of their own."""
    pairs = zip(cells[5::2], cells[6::2])
    return cells[:5] + ["–" if rows == "–" else f"{rows} {time}" for rows, time in pairs]
