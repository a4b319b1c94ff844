import json
import shutil

from hilum.artifacts import locked
from hilum.study.live_page import write_live_page

DEAD = 2**22 + 1  # above the largest process number of Linux


def test_the_page_reloads_as_long_as_the_study_runs_and_shows_what_each_step_does(finished, tmp_path):
    out = shutil.copytree(finished, tmp_path / "out")
    page, going_on = write_live_page(out, reload_seconds=5)
    assert not going_on
    assert "refresh" not in page.read_text()
    arm = out / "arms/linear/seed-0"
    (arm / "step.json").unlink()
    message = {"done": 3, "total": 7, "note": "epoch 3/7", "process": DEAD}
    (arm.parent / ".seed-0.progress.json").write_text(json.dumps(message))
    page, going_on = write_live_page(out, reload_seconds=5)
    assert not going_on  # the process that did it was killed, and no study runs
    assert "<td>interrupted</td>" in page.read_text()
    with locked(out):  # one runs, and will begin the step again
        page, going_on = write_live_page(out, reload_seconds=5)
        assert going_on
        assert '<meta http-equiv="refresh" content="5">' in page.read_text()
    text = page.read_text()
    assert "3 of 7 · epoch 3/7" in text
    assert text.count('class="done"') == len(list(out.rglob("step.json")))
    assert "<polyline" in text  # the train_state of a training
