"""A finished run, made once, and what the tests of its state share."""

import pytest
from search_calls import call, options
from torture.damages import Snapshot


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    """Directory of a finished ``run`` and its ``models``; left as it was found."""
    directory = tmp_path_factory.mktemp("finished")
    said = call(*options(directory))
    assert said.code == 0, said.err
    return directory


@pytest.fixture
def run_files(finished_run):
    """The finished run, to be changed; put back at the end."""
    snapshot = Snapshot(finished_run)
    yield finished_run
    snapshot.restore()


@pytest.fixture
def unrendered(monkeypatch):
    """Gathers what the report would show, and leaves out the drawing of it; what was gathered."""
    import nasrec_tf.report

    gathered = []
    monkeypatch.setattr(nasrec_tf.report, "write_report", lambda run, path: gathered.append(run))
    return gathered
