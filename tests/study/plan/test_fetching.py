"""Data sets and weights that a study names by URL: planned without a connection, fetched once, used as if given."""

import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

from hilum.artifacts import file_sha256
from hilum.encoders.card import Card
from hilum.encoders.weights import save_encoder
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError, HilumErrors
from hilum.phantom import write_layout
from hilum.study.check import check_study
from hilum.study.file import as_yaml, parse_study, tiny
from hilum.study.plan import available_roots, fetch_missing, plan_data, plan_study, step_keys
from hilum.study.plan.fetching import downloads_of
from hilum.study.plan.prepare import prepare_study

STUDY = """\
question: Does a study fetch what it names?
data:
  images: {collection: chestxray14, url: "file://FOLDER/images.zip", sha256: DATA}
preprocess: [{square: pad}, {resize: 32}]
task:
  findings: [Pleural Effusion]
  split: {patients: [0.5, 0.2, 0.3], seed: 0}
arms:
  scratch: {encoder: toh2023_resnet}
  ours: {encoder: toh2023_resnet, init: {url: "file://FOLDER/weights.tar.gz", sha256: WEIGHTS}}
  also: {encoder: toh2023_resnet, init: {url: "file://FOLDER/weights.tar.gz", sha256: WEIGHTS}, finetune: {unfreeze: 0}}
explain: null
"""


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with archives of a data set and of an encoder's directory, and what they were made of."""
    folder = tmp_path_factory.mktemp("shelf")
    write_layout("chestxray14", folder / "images", images=60, size=32, seed=0)
    shutil.make_archive(str(folder / "images"), "zip", folder, "images")
    card = Card(
        encoder="toh2023_resnet", method="made for a test", starts_from="random", settings={}, preprocessing=[],
        image_size=32, mean=0.5, std=0.25, seed=0, split="", training_patients=[], n_training_images=0,
    )  # fmt: skip
    save_encoder(create_encoder("toh2023_resnet", seed=7), card, folder / "weights")
    shutil.make_archive(str(folder / "weights"), "gztar", folder, "weights")
    return folder


@pytest.fixture
def text(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HILUM_CACHE", str(tmp_path / "cache"))
    written = STUDY.replace("FOLDER", str(shelf)).replace("DATA", file_sha256(shelf / "images.zip"))
    return written.replace("WEIGHTS", file_sha256(shelf / "weights.tar.gz"))


def test_a_plan_fetches_nothing_and_says_what_a_run_will(text, shelf, tmp_path):
    study = parse_study(text, where="by_url.yaml")
    plan = plan_data(plan_study(study, {}))
    assert [(row["title"], row["here"], row["bytes"]) for row in plan["fetching"]] == [
        ("data set images", False, (shelf / "images.zip").stat().st_size),
        ("weights of ours, also", False, (shelf / "weights.tar.gz").stat().st_size),
    ]
    assert plan["free_disk"] > 0
    assert plan["images"] is None
    assert plan["refused"] == []
    assert not (tmp_path / "cache").exists()
    with pytest.raises(HilumError, match="Run `hilum study fetch`, or add --data images=FOLDER"):
        prepare_study(study, {})
    by_hand = plan_data(plan_study(study, {"images": shelf / "images"}))
    assert [row["title"] for row in by_hand["fetching"]] == ["weights of ours, also"]
    assert {row["arm"]: row["trained_on_test_patients"] for row in by_hand["arms"]} == {
        "scratch": "no", "ours": "unknown before the download", "also": "unknown before the download",
    }  # fmt: skip
    assert by_hand["refused"] == []
    weights = sum(each.numel() for each in create_encoder("toh2023_resnet", seed=0).parameters())
    expected = 60 * 32 * 32 + 4 * weights * (9 + 4)  # three arms of three seeds, and a checkpoint
    assert by_hand["disk"]["needed"] == pytest.approx(expected, rel=1e-3)
    assert by_hand["disk"]["free"] > 0


def test_what_is_fetched_is_what_would_have_been_given(text, shelf):
    study = parse_study(text, where="by_url.yaml")
    shown: list[str] = []

    @contextmanager
    def show(title: str):
        shown.append(title)
        yield lambda *_: None

    fetched_roots = fetch_missing(study, {}, show)
    assert shown == ["fetch data set images", "fetch weights of ours, also"]
    assert fetch_missing(study, {}, show) == available_roots(study, {}) == fetched_roots
    assert len(shown) == 2
    plan = plan_study(study, {})
    assert plan_data(plan)["images"]["train"] > 0
    assert all(row["here"] for row in plan_data(plan)["fetching"])
    given = parse_study(
        text.replace(f', url: "file://{shelf}/images.zip", sha256: {file_sha256(shelf / "images.zip")}', "").replace(
            f'{{url: "file://{shelf}/weights.tar.gz", sha256: {file_sha256(shelf / "weights.tar.gz")}}}',
            str(shelf / "weights"),
        ),
        where="given.yaml",
    )
    assert downloads_of(given, {}) == []
    ours, theirs = prepare_study(study, fetched_roots), prepare_study(given, {"images": shelf / "images"})
    assert step_keys(plan.steps, ours) == step_keys(plan_study(given, {"images": shelf / "images"}).steps, theirs)
    again = parse_study(as_yaml(study), where="again.yaml")
    assert again == study
    assert downloads_of(tiny(study), {}) == downloads_of(study, {"images": shelf})  # its images are generated


def test_weights_of_another_encoder_and_other_archives_are_refused_before_anything_runs(text, shelf):
    other = parse_study(
        text.replace("also: {encoder: toh2023_resnet", "also: {encoder: densenet121"), where="other.yaml"
    )
    assert downloads_of(other, {})[1].encoders == ("toh2023_resnet", "densenet121")
    with pytest.raises(HilumError, match="expected weights of densenet121; found weights of toh2023_resnet"):
        fetch_missing(other, {})
    images = file_sha256(shelf / "images.zip")
    swapped = text.replace("weights.tar.gz", "images.zip").replace(file_sha256(shelf / "weights.tar.gz"), images)
    with pytest.raises(
        HilumError, match=r"expected an archive of a directory with encoder\.safetensors and card\.json"
    ):
        fetch_missing(parse_study(swapped, where="swapped.yaml"), {})


@pytest.mark.slow
def test_a_check_says_which_weights_are_to_be_fetched(text, shelf):
    checked = check_study(parse_study(text, where="by_url.yaml"), {"images": shelf / "images"}, workers=1)
    assert any("Get them with `hilum study fetch`" in problem.sentence for problem in checked.problems)


def test_bad_addresses_are_refused_all_at_once_with_their_lines(text, shelf):
    sha256 = file_sha256(shelf / "weights.tar.gz")
    bad = text.replace(f", sha256: {sha256}}}}}", "}}").replace("file://", "ftp://", 1)
    with pytest.raises(HilumErrors) as found:
        parse_study(bad, where="bad.yaml")
    problems = "\n".join(found.value.problems)
    assert "line 3" in problems
    assert "'ftp' is not one of https://" in problems
    assert "line 10" in problems
    assert "weights from a URL need a checksum" in problems


def test_the_example_of_the_documentation_is_a_study():
    page = (Path(__file__).parents[3] / "docs/how-to/cluster.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    wanted = downloads_of(parse_study(snippet, where="cluster.md"), {})
    assert [each.address.url for each in wanted] == [
        "s3://bucket/chestxray14.tar.gz", "https://example.org/simclr-resnet18.zip",
    ]  # fmt: skip
    assert all(each.address.sha256 for each in wanted)
