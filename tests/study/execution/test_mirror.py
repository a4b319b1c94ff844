"""A study's copy at a URL: a fresh machine fetches what is done, and does only the rest."""

import shutil
from pathlib import Path

import fsspec
import pytest

from hilum.errors import HilumError
from hilum.study.execution import run_study
from hilum.study.execution.mirror import Mirror
from hilum.study.file import parse_study
from hilum.study.plan import read_record
from hilum.study.plan.step_types import StoreStep


def stamps(out: Path) -> dict[str, str]:
    return {str(p.parent.relative_to(out)): p.read_text() for p in out.rglob("step.json")}


def files(out: Path) -> dict[str, bytes]:
    own = ("check.json",)
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name not in own}


@pytest.mark.parametrize("scheme", ["memory", pytest.param("file", marks=pytest.mark.slow)])
def test_a_fresh_machine_goes_on_from_the_mirror(scheme, finished, small_study, small_text, images, unseen, tmp_path):
    url = {"memory": "memory://runs/small", "file": (tmp_path / "there").as_uri()}[scheme]
    first, fresh = Path(shutil.copytree(finished, tmp_path / "first")), tmp_path / "fresh"
    run_study(small_study, {"images": images}, first, show_step=unseen, mirror=url)
    run_study(small_study, {"images": images}, fresh, show_step=unseen, mirror=url)
    assert stamps(fresh) == stamps(first)  # nothing was done again: not even the seconds differ
    assert files(fresh) == files(first)
    if scheme == "file":
        changed = parse_study(small_text, where="small.yaml", overrides=["arms.linear.finetune.lr=3e-3"])
        third = tmp_path / "third"
        run_study(changed, {"images": images}, third, show_step=unseen, mirror=url)
        redone = {name for name, message in stamps(third).items() if message != stamps(first)[name]}
        assert redone == {"arms/linear/seed-0", "evaluation", "report"}
        there = tmp_path / "there"
        assert stamps(there) == stamps(third)
        assert (there / "report.html").read_bytes() == (third / "report.html").read_bytes()


def test_a_step_whose_copy_was_interrupted_is_not_there(finished, tmp_path):
    store = StoreStep(title="decode", directory="stores/images", data="images")
    out = Path(shutil.copytree(finished, tmp_path / "out"))
    mirror, fresh = Mirror("memory://interrupted", out), Mirror("memory://interrupted", tmp_path / "fresh")
    key = read_record(out / store.directory).key
    mirror.keep(store)
    fsspec.filesystem("memory").rm("/interrupted/stores/images/step.json")
    assert fresh.restore([store], {store.directory: key}) == []
    mirror.keep(store)
    assert fresh.restore([store], {store.directory: "another key"}) == []
    assert fresh.restore([store], {store.directory: key}) == ["stores/images"]
    assert files(tmp_path / "fresh/stores/images") == files(out / "stores/images")


def test_a_place_that_cannot_be_reached_is_reported(tmp_path):
    with pytest.raises(HilumError, match="--mirror nowhere://x: expected a folder of an fsspec file system"):
        Mirror("nowhere://x", tmp_path)
