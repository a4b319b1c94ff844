import shutil
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import hilum.cli
from hilum.errors import HilumError
from hilum.evaluation.inference import Look
from hilum.study.execution import extended, looks_taken, run_study
from hilum.study.execution.looks import look_of, record_look
from hilum.study.file import parse_study


@pytest.fixture
def looked_at(small_text, tmp_path):
    """A directory in which a study of three looks was judged once."""
    study = parse_study(small_text.replace("{n_bootstrap: 100,", "{n_bootstrap: 100, looks: 3,"), where="three.yaml")
    (tmp_path / "study.yaml").write_text(
        small_text.replace("{n_bootstrap: 100,", "{n_bootstrap: 100, looks: 3,"), encoding="utf-8"
    )
    record_look(tmp_path, study.seeds)
    return tmp_path


def test_the_next_seeds_are_added_and_are_the_next_look(looked_at):
    more = extended(looked_at, 2)
    assert more.seeds == [0, 1, 2]
    assert look_of(more, looked_at) == Look(2, 3)
    record_look(looked_at, more.seeds)
    record_look(looked_at, more.seeds)  # the same seeds judged again are no other look
    assert looks_taken(looked_at) == [[0], [0, 1, 2]]
    assert look_of(more, looked_at) == Look(2, 3)


def test_no_more_looks_than_were_announced(looked_at):
    for seeds in ([0, 1], [0, 1, 2]):
        record_look(looked_at, seeds)
    with pytest.raises(HilumError, match=r"3 of 3 taken \(evaluate\.looks\)"):
        extended(looked_at, 1)
    more = extended(looked_at, 3, unannounced=True)
    assert look_of(more, looked_at).number == 3
    with pytest.raises(HilumError, match="directory of a study"):
        extended(looked_at / "nowhere", 1)


@pytest.mark.slow
def test_extending_trains_only_the_new_seeds(finished: Path, images: Path, unseen, tmp_path: Path):
    out = Path(shutil.copytree(finished, tmp_path / "extended"))
    selected = (out / "arms/scratch/seed-0/model.safetensors").stat().st_mtime_ns
    assert looks_taken(out) == [[0]]
    with pytest.raises(HilumError, match="1 of 1 taken"):
        extended(out, 1)
    run_study(extended(out, 1, unannounced=True), {"images": images}, out, show_step=unseen)
    assert (out / "arms/scratch/seed-0/model.safetensors").stat().st_mtime_ns == selected
    assert (out / "arms/scratch/seed-1/model.safetensors").is_file()
    assert looks_taken(out) == [[0], [0, 1]]
    comparisons = pl.read_parquet(out / "evaluation/comparisons.parquet")
    comparisons = comparisons.filter(pl.col("metric") == "auroc")
    assert comparisons["method"].drop_nulls().unique().to_list() == ["obuchowski_rockette"]
    assert comparisons["seeds"].unique().to_list() == [2]
    assert "look 2, but the study file plans 1 look:" in (out / "report.html").read_text(encoding="utf-8")


def test_the_command_refuses_before_it_trains(finished: Path):
    answer = CliRunner().invoke(hilum.cli.make_app(), ["study", "extend", str(finished), "--seeds", "1"])
    assert answer.exit_code != 0
    assert "1 of 1 taken" in str(answer.exception)
