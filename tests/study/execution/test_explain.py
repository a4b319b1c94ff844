import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hilum.errors import HilumErrors
from hilum.progress import ProgressReport
from hilum.study.execution import run_study
from hilum.study.file import parse_study
from hilum.study.plan import plan_data, plan_study

SMALL = "explain={images: 10, points: 15, arms: [scratch, simclr], method: layercam}"


@pytest.fixture(scope="module")
def explained_study(small_text):
    return parse_study(small_text, where="small.yaml", overrides=[SMALL])


@pytest.fixture(scope="module")
def explained(explained_study, finished, images, unseen, tmp_path_factory) -> Path:
    out = Path(shutil.copytree(finished, tmp_path_factory.mktemp("explained") / "out"))
    run_study(explained_study, {"images": images}, out, show_step=unseen)
    return out


def keys(out: Path) -> dict[str, str]:
    return {
        str(path.parent.relative_to(out)): json.loads(path.read_text())["finished"]
        + json.loads(path.read_text())["key"]
        for path in out.rglob("step.json")
    }


def test_every_image_that_is_looked_at_is_a_test_image(explained):
    scored = pl.read_parquet(explained / "evaluation/predictions/simclr/seed-0.parquet").filter(
        pl.col("split") == "test"
    )
    test = set(scored["image_id"])
    maps, points = (pl.read_parquet(explained / "explain" / f"{name}.parquet") for name in ("heat_maps", "embedding"))
    assert set(maps["image_id"]) <= test
    assert set(points["image_id"]) <= test
    assert points.group_by("arm").len().sort("arm").rows() == [("scratch", 15), ("simclr", 15)]
    assert set(pl.read_parquet(explained / "explain/purity.parquet")["arm"]) == {"scratch", "simclr"}


def test_scores_beside_the_maps_are_those_of_the_evaluation(explained):
    maps = pl.read_parquet(explained / "explain/heat_maps.parquet")
    for column, arm in (("probability_1", "scratch"), ("probability_2", "simclr")):
        table = pl.read_parquet(explained / f"evaluation/predictions/{arm}/seed-0.parquet")
        message = [
            table.filter(pl.col("image_id") == row["image_id"])[f"p_{row['finding']}"][0] for row in maps.to_dicts()
        ]
        assert np.allclose(maps[column].to_numpy(), message, atol=2e-3)  # scored in bf16 where the machine has it


def test_labels_beside_the_maps_are_those_of_the_evaluation(explained):
    maps = pl.read_parquet(explained / "explain/heat_maps.parquet")
    table = pl.read_parquet(explained / "evaluation/predictions/scratch/seed-0.parquet")
    for row in maps.to_dicts():
        assert row["label"] == table.filter(pl.col("image_id") == row["image_id"])[f"y_{row['finding']}"][0]


def test_the_page_shows_images_with_maps_of_both_arms_and_points(explained):
    page = (explained / "report.html").read_text(encoding="utf-8")
    for anchor in ("cases", "embedding"):
        assert f'<section id="{anchor}">' in page
    assert "Heat maps: layercam of scratch (seed 0) and simclr (seed 0)" in page
    assert page.count('<figure class="scatter"') == 4  # two arms, by single label and by anomalies
    assert page.count('<script type="text/plain" id="sprite-') == 1


def test_the_page_answers_in_a_browser(explained, browse):
    script = """
      const cases = one("figure.cases"), slider = one(".opacity", cases), plots = all("figure.scatter");
      await tick(300);
      const view = () => all(".view canvas", cases).reduce((sum, canvas) => sum + ink(canvas), 0);
      found.views = all(".views .view p:first-of-type", cases).map((reported) => reported.firstChild.textContent);
      slider.value = 0; slider.dispatchEvent(new Event("input")); const bare = view();
      slider.value = 100; slider.dispatchEvent(new Event("input")); found.slides = view() !== bare;
      found.pointed = plots.map((plot) => {
        const points = JSON.parse(one(".points", plot).textContent), board = one(".board > canvas", plot);
        const box = board.getBoundingClientRect(), place = (value) => 10 + (value / 1000) * (box.width - 20);
        const at = { clientX: box.left + place(points.x[2]), clientY: box.top + place(points.y[2]) };
        board.dispatchEvent(new PointerEvent("pointermove", at));
        return [one(".peek p", plot).textContent.startsWith(points.name[2]), ink(one(".peek canvas", plot)) > 0];
      });
    """
    for width in (1280, 390):
        found = browse(explained / "report.html", script, width=width)
        assert found["errors"] == []
        assert found["requests"] == 0
        assert found["wide"] <= 0
        assert found["views"] == ["scratch", "simclr"]
        assert found["slides"]
        assert found["pointed"] == [[True, True]] * 4


def test_only_what_changed_is_explained_anew_and_to_the_same_bits(
    explained, explained_study, small_text, images, unseen, tmp_path
):
    out = Path(shutil.copytree(explained, tmp_path / "out"))
    run_study(explained_study, {"images": images}, out, show_step=unseen)
    assert keys(out) == keys(explained)
    other = parse_study(small_text, where="small.yaml", overrides=[SMALL, "explain.method=gradcam"])
    run_study(other, {"images": images}, out, show_step=unseen)
    before, after = keys(explained), keys(out)
    assert {step for step in after if after[step] != before[step]} == {"explain", "report"}
    same = (out / "explain/embedding.parquet", explained / "explain/embedding.parquet")
    assert pl.read_parquet(same[0]).equals(pl.read_parquet(same[1]))


@pytest.mark.slow
def test_interrupted_it_leaves_nothing_half_done_and_goes_on(
    finished, explained, explained_study, images, unseen, tmp_path
):
    @contextmanager
    def interrupt(number: int, steps: int, step: object) -> Iterator[ProgressReport]:
        def report(done: int, total: int, note: str) -> None:
            if step.kind == "explain" and note.startswith("simclr"):
                raise KeyboardInterrupt

        yield report

    out = Path(shutil.copytree(finished, tmp_path / "out"))
    with pytest.raises(KeyboardInterrupt):
        run_study(explained_study, {"images": images}, out, show_step=interrupt)
    assert not (out / "explain").exists()
    run_study(explained_study, {"images": images}, out, show_step=unseen)
    for name in ("heat_maps.parquet", "heat_maps_1.npy", "heat_maps_2.npy", "shown.parquet", "embedding.parquet"):
        assert (out / "explain" / name).read_bytes() == (explained / "explain" / name).read_bytes(), name


def test_a_study_that_wants_none_shows_none_though_it_is_there(explained, small_study, images, unseen, tmp_path):
    out = Path(shutil.copytree(explained, tmp_path / "out"))
    page = run_study(small_study, {"images": images}, out, show_step=unseen).read_text(encoding="utf-8")
    assert 'id="cases"' not in page
    assert 'id="embedding"' not in page


def test_the_plan_lists_the_step_and_what_it_costs(explained_study, images):
    plan = plan_data(plan_study(explained_study, {"images": images}))
    *_, last, page = plan["steps"]
    assert (last["kind"], page["kind"]) == ("explain", "report")
    assert last["title"] == "explain scratch and simclr: layercam, tsne"
    assert last["seconds"] > 0


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("explain.arms=[scratch, simclr, linear]", r"explain\.arms"),
        ("explain.arms=[imagenet]", r"'imagenet' is not an arm of this study; arms: scratch, simclr, linear"),
        ("explain.arms=[linear, linear]", "'linear' is listed twice"),
        ("explain.method=rollout", "rollout requires a transformer, and small_convnet of scratch is not one"),
        ("explain.method=gradcamm", "did you mean 'gradcam"),
    ],
)
def test_what_cannot_be_explained_is_reported_before_anything_runs(override, expected, small_text):
    with pytest.raises(HilumErrors, match=expected):
        parse_study(small_text, where="small.yaml", overrides=["explain={}", override])
