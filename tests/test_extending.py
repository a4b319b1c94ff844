"""docs/how-to/extending.md: a package with the code of the page, found by its entry points as an installed one is."""

import importlib
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
import torch

import hilum
from hilum.data.collections import read_collection
from hilum.data.patients import is_public
from hilum.data.sources import data_source
from hilum.encoders.catalogue import ARCHITECTURES
from hilum.encoders.zoo import count_parameters, create_encoder
from hilum.errors import HilumError
from hilum.evaluation.metrics import ADDED_METRICS
from hilum.extensions import GROUPS, Registry, added
from hilum.findings import ADDED_COLLECTIONS, COLLECTIONS
from hilum.pretext.methods import METHOD_SETTINGS, METHODS
from hilum.study.execution import run_study
from hilum.study.file import parse_study
from hilum.study.file.scale import tiny

DOCS = Path(__file__).resolve().parents[1] / "docs"
MODULES = ("clinic", "vicreg", "strided", "youden_index")
REGISTRIES: tuple[Registry, ...] = (ARCHITECTURES, METHODS, METHOD_SETTINGS, ADDED_COLLECTIONS, ADDED_METRICS)


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL)


def entry_points(lines: dict[str, list[str]]) -> str:
    return "\n".join(f"[{group}]\n" + "\n".join(points) for group, points in lines.items()) + "\n"


def as_installed(folder: Path, name: str, points: str) -> None:
    """What pip leaves of a package's metadata."""
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(points)


def forget() -> None:
    added.cache_clear()
    importlib.invalidate_caches()
    for registry in REGISTRIES:
        registry._loaded.clear()


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of packages on the path of this process."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    forget()
    yield folder
    for name in MODULES:
        sys.modules.pop(name, None)
    forget()


@pytest.fixture
def package(site):
    """The page's package: its four files, and the four lines of its pyproject.toml."""
    clinic, strided, metric = blocks("how-to/extending.md", "python")
    code = dict(zip(MODULES, (clinic, blocks("how-to/seventh_method.md", "python")[0], strided, metric), strict=True))
    for name, text in code.items():
        (site / f"{name}.py").write_text(text)
    (pyproject,) = blocks("how-to/extending.md", "toml")
    found = re.findall(r'entry-points\."(.*?)"\]\n(\w+) = "(.*?)"', pyproject)
    as_installed(site, "my_radiographs", entry_points({group: [f"{n} = {value}"] for group, n, value in found}))
    assert [group for group, _, _ in found] == list(GROUPS)
    return site


@pytest.fixture
def clinic(tmp_path):
    """Thirty images of fifteen patients in the clinic's layout; the sick have a brighter half."""
    draw = np.random.default_rng(0)
    for number in range(30):
        folder = tmp_path / "clinic" / ("pneumonia" if number % 2 else "normal")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = draw.integers(0, 120, (40, 32), dtype=np.uint8)
        pixels[:20] += np.uint8(100 * (number % 2))
        cv2.imwrite(str(folder / f"p{number // 2:02d}_{number}.png"), pixels)
    return tmp_path / "clinic"


def test_names_are_known_and_nothing_is_imported_for_them(package):
    assert "clinic" in COLLECTIONS
    assert "vicreg" in METHODS
    assert "vicreg" in METHOD_SETTINGS
    assert list(ARCHITECTURES)[-1] == "strided"
    assert list(ADDED_METRICS) == ["youden_index"]
    assert not set(MODULES) & set(sys.modules)
    with pytest.raises(KeyError):
        ARCHITECTURES["stridden"]


def test_a_data_set_is_read_with_its_patients_as_a_hospitals(package, clinic):
    dataset = read_collection("clinic", clinic)
    assert dataset.manifest["Pneumonia"].sum() == 15
    assert dataset.manifest["patient_id"].n_unique() == 15
    assert not is_public("clinic")
    assert data_source("clinic").title == "Our clinic"
    with pytest.raises(HilumError, match="folders pneumonia and normal"):
        read_collection("clinic", package)


def test_an_encoder_is_one_of_the_catalogue_with_its_own_family(package):
    encoder = create_encoder("strided", seed=0).eval()
    assert count_parameters(encoder) == ARCHITECTURES["strided"].parameters
    assert len(encoder.blocks) == ARCHITECTURES["strided"].blocks + 1
    images = torch.rand(2, 1, 48, 64, generator=torch.Generator().manual_seed(0))
    assert encoder(images).shape == (2, 32)
    assert encoder.feature_map(images).shape[2:] == encoder.patch_grid((48, 64)) == (3, 4)
    again = create_encoder("strided", seed=0).eval()
    assert torch.equal(encoder(images), again(images))


def youden_of_every_threshold(rows: pl.DataFrame) -> float:
    """The definition, threshold by threshold."""
    sick, well = (rows.filter(pl.col("y_Mass") == side)["p_Mass"].to_numpy() for side in (1, 0))
    return max((sick >= cut).mean() - (well >= cut).mean() for cut in [*sick, *well, 2.0])


def test_a_metric_is_measured_with_intervals_when_it_is_asked_for(package):
    draw = np.random.default_rng(1)
    rows = pl.DataFrame({"image_id": [str(i) for i in range(60)], "patient_id": [str(i // 2) for i in range(60)]})
    labels = draw.integers(0, 2, 60)
    scores = np.round((labels + draw.normal(0, 1, 60) + 3) / 8, 1).clip(0, 1)
    table = rows.with_columns(y_Mass=pl.Series(labels), p_Mass=pl.Series(scores))
    result = hilum.evaluate(table, held_out=True, n_bootstrap=100, metrics=["auroc", "youden_index"])
    (row,) = result.metrics.filter(metric="youden_index", finding="Mass").to_dicts()
    assert row["estimate"] == pytest.approx(youden_of_every_threshold(table))
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
    assert "youden_index" not in hilum.evaluate(table, held_out=True, n_bootstrap=100).metrics["metric"]
    with pytest.raises(HilumError, match="youden_index"):
        hilum.evaluate(table, held_out=True, n_bootstrap=100, metrics=["youden"])


def test_a_study_file_takes_all_four_and_its_mistakes_are_found_by_name(package):
    (text,) = blocks("how-to/extending.md", "yaml")
    assert parse_study(text, where="own.yaml").evaluate.metrics == ["youden_index"]
    wrong = text.replace("width: 8", "width: 1").replace("[youden_index]", "[youden]").replace("{collection: clinic}", "{collection: clinics}")  # fmt: skip
    with pytest.raises(HilumError) as caught:
        parse_study(wrong, where="own.yaml")
    expected = str(caught.value)
    for part in (
        "expected a number of at least 2",
        "'youden'",
        "youden_index",
        "'clinics' is not a collection",
        "'clinic'",
    ):
        assert part in expected
    with pytest.raises(HilumError, match=r"data\.ours\.collection"):
        tiny(parse_study(text, where="own.yaml"))


@contextmanager
def unseen(number, steps, step):
    """Shows nothing of a step."""
    yield lambda *_: None


@pytest.mark.slow
def test_the_study_of_the_page_runs_to_its_report(package, clinic, tmp_path):
    (text,) = blocks("how-to/extending.md", "yaml")
    study = parse_study(text, where="own.yaml")
    page = run_study(study, {"ours": clinic}, tmp_path / "out", show_step=unseen).read_text(encoding="utf-8")
    assert "Youden index" in page
    metrics = pl.read_parquet(tmp_path / "out/evaluation/metrics.parquet")
    assert set(metrics.filter(metric="youden_index")["arm"]) == {"scratch", "vicreg"}


def test_another_process_finds_an_installed_package(package):
    code = "from hilum.findings import COLLECTIONS; print('clinic' in COLLECTIONS)"
    message = {"PYTHONPATH": f"{package}:{Path(hilum.__file__).parents[1]}", "PATH": ""}
    answer = subprocess.run([sys.executable, "-c", code], env=message, capture_output=True, text=True, check=True)
    assert answer.stdout == "True\n"


@pytest.mark.parametrize(
    ("group", "point", "message"),
    [
        ("hilum.encoders", "resnet18 = strided:STRIDED", "resnet18, which is Hilum's, from other 1.0"),
        ("hilum.encoders", "Strided = strided:STRIDED", "lower-case letters"),
        ("hilum.encoders", "strided2 = strided:STRIDED", "an architecture of this name, strided2"),
        ("hilum.encoders", "lost = nowhere:LOST", "No module named 'nowhere'"),
        ("hilum.encoders", "strided = another:STRIDED", "one package with this name"),
        ("hilum.encoders", "odd = youden_index:YOUDEN_INDEX", "hilum.encoders.catalogue.Architecture"),
    ],
)
def test_what_is_wrong_with_a_package_is_named_with_it(package, group, point, message):
    as_installed(package, "other", entry_points({group: [point]}))
    forget()
    with pytest.raises(HilumError, match=message):
        ARCHITECTURES[point.split(" ")[0]] if "Hilum's" not in message else list(ARCHITECTURES)


def test_findings_that_nobody_knows_are_refused(package):
    (package / "clinic.py").write_text(
        blocks("how-to/extending.md", "python")[0].replace('{"Pneumonia": ', '{"Gout": ')
    )
    with pytest.raises(HilumError, match="Gout"):
        ADDED_COLLECTIONS["clinic"]
