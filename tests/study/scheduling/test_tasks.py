"""One loop for all places: order, failures, and processes that are killed."""

import os
import sys
from functools import partial
from pathlib import Path

import pytest

from hilum.errors import HilumError, HilumErrors
from hilum.study.scheduling import ComputeConfig, LocalProcesses, Task, ThisProcess, open_pool, run_tasks

sys.path.append(str(Path(__file__).parent))  # so that the processes that tests start find what they do
from scheduled_work import failing, killed_always, killed_once, note, sleeping

DIAMOND = [
    Task("a", "a"),
    Task("b", "b", frozenset("a")),
    Task("c", "c", frozenset("a")),
    Task("d", "d", frozenset("bc"), here=True),
]


def order(folder: Path) -> str:
    return (folder / "order").read_text()


def test_here_tasks_are_done_in_the_order_of_the_list(tmp_path):
    seen = []
    run_tasks(DIAMOND, partial(note, tmp_path), ThisProcess(), before=lambda task: seen.append(task.name))
    assert order(tmp_path) == "abcd"
    assert "".join(seen) == "abcd"


def test_here_the_first_error_ends_everything(tmp_path):
    with pytest.raises(HilumError, match="b: expected"):
        run_tasks(DIAMOND, partial(failing, tmp_path, "b"), ThisProcess())
    assert order(tmp_path) == "a"


def test_in_processes_a_task_comes_after_those_it_needs_and_a_killed_one_is_done_again(tmp_path):
    seen, looks = [], []
    run_tasks(
        DIAMOND, partial(killed_once, tmp_path), LocalProcesses(2), before=lambda task: seen.append(task.name),
        on_wait=lambda begun: looks.append({task.name for task in begun}), every_seconds=0.1,
    )  # fmt: skip
    assert (tmp_path / "began").exists()
    assert sorted(order(tmp_path)) == list("abcd")
    assert order(tmp_path)[0] == "a"
    assert order(tmp_path)[-1] == "d"
    assert seen.count("c") == 1  # the second attempt is no new task
    assert int((tmp_path / "d").read_text()) == os.getpid()
    assert int((tmp_path / "a").read_text()) != os.getpid()
    assert {"b", "c"} in looks  # both at once


@pytest.mark.slow
def test_in_processes_what_does_not_need_a_failed_task_is_still_done_and_all_errors_are_raised(tmp_path):
    tasks = [*DIAMOND, Task("e", "e"), Task("f", "f", frozenset("e")), Task("g", "g")]
    with pytest.raises(HilumErrors) as found:
        run_tasks(tasks, partial(failing, tmp_path, "be"), LocalProcesses(2))
    assert [line.split(":")[0] for line in found.value.problems] == ["b", "e"]
    assert sorted(order(tmp_path)) == list("acg")
    with pytest.raises(HilumError, match="5 processes that were killed"):
        run_tasks(tasks[:2], partial(killed_always, tmp_path), LocalProcesses(1))


def test_one_place_is_chosen():
    with pytest.raises(HilumError, match="either --jobs or --cluster"):
        ComputeConfig(cluster="local", jobs=2)
    with open_pool(ComputeConfig()) as pool:
        assert isinstance(pool, ThisProcess)


def test_what_runs_is_stopped_with_the_process_that_shares_it_out(tmp_path):
    class Stop(Exception):
        pass

    def look(begun: list[Task]) -> None:
        if (tmp_path / "a").exists() and (tmp_path / "a").read_text():
            raise Stop

    with pytest.raises(Stop):
        run_tasks(DIAMOND, partial(sleeping, tmp_path), LocalProcesses(1), on_wait=look, every_seconds=0.1)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "a").read_text()), 0)


def test_a_process_that_is_killed_while_it_is_idle_is_replaced(tmp_path):
    pool = LocalProcesses(1)

    def kill(task):
        if task.name == "b":
            pool._workers[0].process.kill()
            pool._workers[0].process.join()

    run_tasks([Task("a", "", frozenset()), Task("b", "", frozenset("a"))], partial(note, tmp_path), pool, before=kill)
    assert (tmp_path / "order").read_text() == "ab"
    assert (tmp_path / "a").read_text() != (tmp_path / "b").read_text()
