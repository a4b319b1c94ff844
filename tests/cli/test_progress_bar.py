import pytest

from hilum.cli import progress_bar
from hilum.cli.progress_bar import ProgressBar


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set: `clock.now = 5`."""

    class Clock:
        now = 0.0

        def monotonic(self):
            return self.now

    standing = Clock()
    monkeypatch.setattr(progress_bar, "time", standing)
    return standing


def test_without_a_terminal_a_line_is_written_every_ten_seconds(clock, capsys):
    with ProgressBar("Decoding") as bar:
        for second in range(26):
            clock.now = float(second)
            bar.report(100 + 20 * second, 1100, "3 rejected")
    message = capsys.readouterr()
    assert message.out == ""
    assert message.err.splitlines() == [
        # 100 were done before: 200 in 10 s are 20/s, 800 are left
        "Decoding: 300 of 1,100 · 20/s · 0:10 elapsed · 0:40 left · 3 rejected",
        "Decoding: 500 of 1,100 · 20/s · 0:20 elapsed · 0:30 left · 3 rejected",
        "Decoding: 600 of 1,100 · 20/s · 0:25 elapsed · done · 3 rejected",
    ]


def test_quick_work_says_nothing_without_a_terminal(capsys):
    with ProgressBar("Reading") as bar:
        bar.report(1, 1, "")
    assert capsys.readouterr().err == ""


def test_work_that_stops_says_so(clock, capsys):
    def work():
        with ProgressBar("Decoding") as bar:
            clock.now = 3700.0
            bar.report(0, 10, "")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert capsys.readouterr().err.splitlines() == [
        "Decoding: 0 of 10 · 1:01:40 elapsed · ? left",
        "Decoding: 0 of 10 · 1:01:40 elapsed · stopped",
    ]


@pytest.mark.parametrize(("done", "shown"), [(250, "25/s"), (25, "2.5/s"), (2, "12.0/min")])
def test_slow_work_is_counted_by_the_minute(clock, capsys, done, shown):
    with ProgressBar("Training") as bar:
        bar.report(0, 1000, "")
        clock.now = 10.0
        bar.report(done, 1000, "")
    assert f" · {shown} · " in capsys.readouterr().err


def test_on_a_terminal_there_is_a_bar_on_standard_error(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with ProgressBar("Decoding") as bar:
        bar.report(5, 10, "1 rejected")
    message = capsys.readouterr()
    assert message.out == ""
    assert "Decoding" in message.err
    assert "5/10" in message.err
    assert "1 rejected" in message.err


def test_on_a_terminal_several_bars_have_a_line_each_and_one_that_ends_stays_above(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    first, second = ProgressBar("first step"), ProgressBar("second step")
    with second:
        with first:
            first.report(3, 7, "on node-a")
            second.report(1, 9, "on node-b")
        second.report(8, 9, "on node-b")
    message = capsys.readouterr().err
    assert "3/7" in message
    assert "8/9" in message
    assert message.rindex("second step") > message.rindex("first step")
    with ProgressBar("third step") as third:  # the terminal is free again
        third.report(1, 1, "")
    assert "third step" in capsys.readouterr().err
