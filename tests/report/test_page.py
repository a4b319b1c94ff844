import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from markupsafe import escape
from polars.testing import assert_frame_equal

from hilum.report.content import ReportContent
from hilum.report.order import sections
from hilum.report.page import write_report
from hilum.report.render import formats
from hilum.report.rows import overall_rows


class Page(HTMLParser):
    """What a browser would find: tags with attributes, ids, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))
        self.ids = [attributes["id"] for _, attributes in self.tags if "id" in attributes]

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def plain(study) -> ReportContent:
    """Without curves, which take most of the time and are not what such a test is about."""
    return replace(study, predictions={})


def files_below(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def written(study, tmp_path_factory) -> Path:
    return write_report(study, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(written) -> Page:
    return Page(written.read_text(encoding="utf-8"))


def test_the_page_loads_nothing(written, page):
    assert not [tag for tag, _ in page.tags if tag in ("link", "img", "iframe", "object", "embed", "source", "base")]
    for tag, attributes in page.tags:
        assert "src" not in attributes, tag
        for name in ("href", "xlink:href"):
            target = attributes.get(name) or "#"
            assert target.startswith("#") or (tag == "a" and re.match(r"(tables|figures)/\w+\.\w+$", target)), target
    html = written.read_text(encoding="utf-8")
    assert not re.search(r"@import|url\((?!#)", html)
    assert not re.search(r"https?://", html)
    assert "default-src 'none'" in html  # and the browser is reported so


def test_every_address_inside_the_page_exists_once(page):
    assert len(page.ids) == len(set(page.ids))
    for _, attributes in page.tags:
        for name in ("href", "xlink:href"):
            target = attributes.get(name) or ""
            assert not target.startswith("#") or target[1:] in page.ids, target
        for value in attributes.values():
            assert all(anchor in page.ids for anchor in re.findall(r"url\(#([^)]*)\)", value or ""))


def test_every_arm_finding_and_number_is_on_the_page(study, page):
    for arm in study.arms:
        assert arm.name in page.text
        assert arm.starts_from in page.text
    for row in study.metrics.to_dicts():
        assert formats.estimate(row["estimate"], row["ci_low"], row["ci_high"]) in page.text
        assert row["finding"] == "macro" or row["finding"] in page.text
    for row in study.comparisons.to_dicts():
        assert formats.difference(row["difference"], row["ci_low"], row["ci_high"], signed=True) in page.text
    for stated in (*study.left_out, study.scored_on, *(value for _, value in study.provenance)):
        assert stated in page.text
    assert "scratch: {encoder: resnet18}" in page.text


def test_sections_come_in_reading_order(page):
    anchors = [attributes["id"] for tag, attributes in page.tags if tag == "section"]
    assert anchors == [
        "overview", "results", "arms", "comparisons", "figures", "curves", "thresholds", "calibration", "training",
        "data", "left-out", "provenance", "study-file", "reading",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def all_sections(full):
    """Sections of the page that has every part."""
    return sections(full)


def test_the_verdict_a_picture_a_table_and_images_are_seen_at_once_and_the_rest_is_folded(full, all_sections):
    made = all_sections
    assert [section.anchor for section in made if not section.folded] == ["overview", "results", "cases"]
    (picture,) = made[0].blocks
    beside = overall_rows(full.metrics) + overall_rows(full.baseline_metrics)
    assert all(f"{formats.decimal(row['estimate'])}" in picture.figures[0].svg for row in beside)
    assert picture.figures[0].svg.count("<title>") >= len(beside)


def test_a_note_that_several_tables_have_is_reported_once(full_page, all_sections):
    html = full_page.read_text(encoding="utf-8")
    several = [section for section in all_sections if section.gathered]
    assert several
    for section in several:
        part = html[html.index(f'<section id="{section.anchor}">') :]
        part = part[: part.index("</section>")]
        for note in section.gathered:
            assert part.count(str(escape(formats.unbroken(note)))) == 1


def test_files_beside_the_page_are_those_it_links_to(written, page):
    linked = {attributes["href"] for tag, attributes in page.tags if tag == "a" and "/" in (attributes["href"] or "")}
    assert linked == set(files_below(written.parent)) - {"report.html"}
    assert {"tables/results_auroc.csv", "tables/results_auroc.tex", "figures/roc_cardiomegaly.svg"} <= linked


def test_the_csv_files_hold_the_numbers_at_full_precision(study, written):
    read = pl.read_csv(written.parent / "tables/results_auroc.csv", schema_overrides=study.metrics.schema)
    expected = study.metrics.with_columns(pl.col("note").replace({"": None}))
    assert_frame_equal(
        read.drop("scored_on").with_columns(pl.col("note").replace({"": None})), expected, check_exact=True
    )
    read = pl.read_csv(written.parent / "tables/comparisons.csv", schema_overrides=study.comparisons.schema)
    assert_frame_equal(read.select("p", "difference"), study.comparisons.select("p", "difference"), check_exact=True)


def test_a_second_writing_gives_the_same_bytes(study, written, tmp_path):
    write_report(study, tmp_path)
    assert files_below(tmp_path) == files_below(written.parent)


def test_what_a_person_wrote_is_text_and_never_markup(plain, tmp_path):
    evil = '<script>alert("x")</script>'
    hostile = replace(
        plain,
        question=evil,
        scored_on=evil,
        left_out=[evil],
        settings_yaml=evil,
        provenance=[(evil, evil)],
        arms=[replace(arm, starts_from=evil) for arm in plain.arms],
    )
    html = write_report(hostile, tmp_path).read_text(encoding="utf-8")
    page = Page(html)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert page.text.count(evil) >= 6


def test_hostile_names_of_arms_and_findings_stay_text_in_figures_too(make_study, tmp_path):
    study = make_study({"scratch": 0.8, "<b>&$x_2$": 1.2}, findings=3)
    html = write_report(study, tmp_path).read_text(encoding="utf-8")
    page = Page(html)
    assert "b" not in [tag for tag, _ in page.tags]
    assert "<b>&$x_2$" in page.text
    svg = ElementTree.parse(tmp_path / "figures/roc_atelectasis.svg")
    assert "<b>&$x_2$" in [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]


def test_nothing_is_written_when_a_figure_fails(plain, tmp_path):
    broken = replace(plain, curves=plain.curves.drop("epoch"))
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        write_report(broken, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    write_report(plain, tmp_path / "old")
    before = files_below(tmp_path / "old")
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        write_report(broken, tmp_path / "old")
    assert files_below(tmp_path / "old") == before


def test_an_earlier_report_is_replaced_and_other_files_are_left_alone(study, make_study, tmp_path):
    write_report(study, tmp_path)
    (tmp_path / "figures" / "mine.svg").write_text("<svg/>")
    (tmp_path / "predictions.parquet").write_text("not ours")
    write_report(make_study({"scratch": 0.8}, findings=2, reference=None), tmp_path)
    assert not (tmp_path / "figures/roc_pleural_effusion.svg").exists()
    assert not (tmp_path / "tables/comparisons.csv").exists()
    assert (tmp_path / "figures/mine.svg").exists()
    assert (tmp_path / "predictions.parquet").read_text() == "not ours"


def test_what_is_missing_is_reported(make_study, tmp_path):
    study = make_study({"scratch": 0.8}, findings=2, reference=None)
    bare = replace(
        study,
        predictions={},
        curves=study.curves.clear(),
        left_out=[],
        data=[replace(study.data[0], rejected=study.data[0].rejected.clear(), split_title="")],
        provenance=[],
        settings_yaml="",
    )
    text = Page(write_report(bare, tmp_path).read_text(encoding="utf-8")).text
    for stated in (
        "There is one arm, so there is no comparison.",
        "No ROC curves: no predictions with positives and negatives were given.",
        "No training curves were given.",
        "Nothing was excluded.",
        "All images could be read.",
        "Not split.",
    ):
        assert stated in text


def test_findings_that_could_not_be_estimated_do_not_stop_the_page(plain, tmp_path):
    holes = {
        name: pl.when(pl.col("finding") == "Infiltration").then(None).otherwise(name) for name in ("ci_low", "ci_high")
    }
    nothing = pl.when(pl.col("finding") == "Atelectasis").then(float("nan"))
    metrics = plain.metrics.with_columns(**holes, estimate=nothing.otherwise("estimate"))
    comparisons = plain.comparisons.with_columns(**holes, difference=nothing.otherwise("difference"))
    text = Page(write_report(replace(plain, metrics=metrics, comparisons=comparisons), tmp_path).read_text()).text
    assert "not estimable" in text
    assert "(no interval)" in text


def test_contamination_stands_above_every_number(contaminated, tmp_path):
    html = write_report(replace(contaminated, predictions={}), tmp_path).read_text(encoding="utf-8")
    assert html.index('class="cautions contaminated"') < html.index('id="arms"')
    assert "simclr (trained on test patients) beats scratch" in html


def test_many_findings_arms_and_seeds_stay_a_small_page(make_study, tmp_path):
    study = make_study(dict.fromkeys(("scratch", "a", "b", "c", "d"), 0.8), findings=6, images=300, seeds=3)
    assert write_report(study, tmp_path).stat().st_size < 1e6


@pytest.mark.slow
def test_a_study_of_25_000_images_with_images_stays_below_15_mb(make_full, tmp_path):
    study = make_full(images=25_000, findings=14, cases=900, points=25_000)
    study = replace(study, cases=[replace(case, image=noisy(i)) for i, case in enumerate(study.cases)])
    page = write_report(study, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert page.stat().st_size < 15e6
    assert "of 900; the rest is left out" in text
    assert "4,000 of 25,000 images are drawn, selected at random" in text
    assert len(pl.read_csv(tmp_path / "tables/embedding_t_sne.csv")) == 25_000


def noisy(seed: int) -> np.ndarray:
    """What compresses as badly as an image can."""
    return np.random.default_rng(seed).integers(0, 256, (320, 320), dtype=np.uint8)
