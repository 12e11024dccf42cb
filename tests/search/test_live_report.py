"""The report can be looked at while the run goes on, from this machine alone."""

import http.client

import pytest
from search_calls import call

from nasrec_tf.common.errors import UserError
from nasrec_tf.search.live_report import LEAST_SECONDS, LiveReport, served
from nasrec_tf.search.run_summary import drawn_report


def get(port, address="/", host=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", address, headers={"Host": host} if host else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_a_run_that_goes_on_shows_what_it_has_left_so_far(run_files):
    for stage in ("export", "retrain"):
        (run_files / "run" / stage / "result.json").unlink()
    report = LiveReport(lambda: drawn_report(run_files / "run"))
    before = {path: path.read_bytes() for path in files(run_files)}
    with served(report, 0) as port:
        code, page = get(port)
        status, options = get(port, "/config.toml")
    assert code == 200 and "Not chosen yet" in page and "best so far" in page
    assert '<meta http-equiv="refresh"' in page
    assert status == 200 and options == (run_files / "run" / "config.toml").read_text()
    assert {path: path.read_bytes() for path in files(run_files)} == before


def files(directory):
    return sorted(path for path in directory.rglob("*") if path.is_file())


OTHERS = ("/versions.json", "/../secret", "/%2e%2e/secret", "//etc/passwd")


@pytest.mark.parametrize("address", OTHERS)
def test_only_what_the_page_links_to_is_given_away(address, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (tmp_path / "run").mkdir()
    shown = tmp_path / "run" / "leaderboard.csv"
    shown.write_text("rank\n")
    with served(LiveReport(lambda: ("page", {"leaderboard.csv": shown})), 0) as port:
        assert get(port) == (200, "page")
        assert get(port, "/leaderboard.csv") == (200, "rank\n")
        assert get(port, address)[0] == 404
        assert get(port, host="elsewhere.example:80")[0] == 403


def test_a_page_that_cannot_be_drawn_says_why_and_is_tried_again():
    moments, pages = iter([0.0, LEAST_SECONDS / 2, LEAST_SECONDS]), iter(["", "drawn"])

    def draw():
        page = next(pages)
        if not page:
            raise UserError("<b>damaged</b>\nfile")
        return page, {}

    report = LiveReport(draw, clock=lambda: next(moments))
    first = report.page()
    assert "&lt;b&gt;damaged&lt;/b&gt; file" in first and "refresh" in first
    assert report.page() == first
    assert report.page() == "drawn"


def test_a_port_that_is_taken_or_none_is_one_line_before_any_work(tmp_path):
    with served(LiveReport(lambda: ("page", {})), 0) as port:
        for number in (port, 99999):
            line = call(
                "--run-dir", tmp_path / "run", "--export-dir", tmp_path / "models",
                "--serve-report", number,
            ).error  # fmt: skip
            assert f"--serve-report {number}" in line and "another port" in line
    assert not (tmp_path / "run" / "records").exists()


def test_the_page_ends_with_the_run():
    with served(LiveReport(lambda: ("page", {})), 0) as port:
        assert get(port)[0] == 200
    with pytest.raises(OSError):
        get(port)
