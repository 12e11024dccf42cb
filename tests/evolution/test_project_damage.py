"""Whatever happens to a file of a search: one clear line, or the right result; no traceback."""

import csv

import pytest
from evolution_landscape import log_loss, make_oracle

from nasrec_tf.common.errors import UserError
from nasrec_tf.strategies import SubnetTuner, read_results

SEARCH = {"generations": 2}
FILES = ("journal.jsonl", "leaderboard.csv")
DAMAGES = {
    "deleted": None,
    "emptied": lambda content: b"",
    "zeroed": lambda content: bytes(len(content)),
    "cut in the first line": lambda content: content[:100],
    "cut in the middle": lambda content: content[: len(content) // 2],
    "cut by one byte": lambda content: content[:-1],
    "one bit": lambda content: _with(content, len(content) // 3, content[len(content) // 3] ^ 4),
    "one digit": lambda content: _with(content, content.rindex(b"0."), ord("1")),
    "a line lost": lambda content: b"".join(content.splitlines(keepends=True)[:3:2]),
    "another JSON value": lambda content: b"[]\n",
    "another JSON object": lambda content: b'{"format": "something else"}\n',
    "no text": lambda content: b"\xff\xfe\n\x00",
}


def _with(content, place, byte):
    return content[:place] + bytes([byte]) + content[place + 1 :]


def search(directory, trials=None):
    """Searches to the end, or until so many candidates were scored in this call."""
    left = iter(range(10**6 if trials is None else trials))

    def score(architecture):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return {"log_loss": log_loss(architecture)}

    oracle = make_oracle(**SEARCH, scoring={"--fine-tune-steps": 500})
    SubnetTuner(oracle, score, directory=directory, progress=False).search()


def told(directory):
    found = read_results(directory / "evolution")
    with open(directory / "evolution" / "leaderboard.csv", newline="") as file:
        board = [(row["rank"], row["trial"], row["log_loss"]) for row in csv.DictReader(file)]
    return [(r.number, r.status, r.metrics, r.architecture) for r in found], board


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    directory = tmp_path_factory.mktemp("undisturbed")
    search(directory)
    return told(directory)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("state", ["half", "finished"])
def test_a_damaged_search_ends_in_one_line_or_with_the_right_result(
    tmp_path, undisturbed, state, file
):
    made = tmp_path / "made"
    if state == "half":
        with pytest.raises(KeyboardInterrupt):
            search(made, trials=13)
    else:
        search(made)
    contents = {name: (made / "evolution" / name).read_bytes() for name in FILES}
    outcomes = {}
    for kind, damage in DAMAGES.items():
        directory = tmp_path / kind
        project = directory / "evolution"
        project.mkdir(parents=True)
        for name, content in contents.items():
            content = damage(content) if name == file and damage else content
            if name != file or damage is not None:
                (project / name).write_bytes(content)
        try:
            search(directory)
        except UserError as error:
            assert str(project / file) in str(error) and "\n" not in str(error)
            outcomes[kind] = "told"
        else:
            assert told(directory) == undisturbed
            outcomes[kind] = "went on"
    went_on = {kind for kind, outcome in outcomes.items() if outcome == "went on"}
    if file == "leaderboard.csv":  # Nothing reads it.
        assert went_on == set(DAMAGES)
    else:
        assert went_on == {"deleted", *(kind for kind in DAMAGES if kind.startswith("cut"))}
