"""The real ChestX-ray14 tables against what the papers print: every number that `hilum study plan` shows."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import hilum.cli
from hilum.study.file import find_study, parse_study, read_study
from hilum.study.plan.prepare import prepare_study
from hilum.study.published_counts import (
    QUANTITIES,
    ComparedNumber,
    compare_with_published,
    countable_part,
    published_of,
)

FINDINGS = (
    "[Atelectasis, Cardiomegaly, Effusion, Infiltration, Mass, Nodule, Pneumonia, Pneumothorax, Consolidation, Edema, "
    "Emphysema, Fibrosis, Pleural_Thickening, Hernia{more}]"
)
ONE_CLASS = FINDINGS.format(more=", No Finding")
STUDY_1 = f"""\
question: Study 1
data: {{nih: {{collection: chestxray14}}}}
preprocess: elwirehardja2025
task: {{findings: {ONE_CLASS}, classes: multiclass, images: {{exactly_one_of: {ONE_CLASS}}}, split: {{paper: elwirehardja2025}}}}
arms: {{scratch: {{encoder: resnet18}}}}
"""
STUDY_2 = f"""\
question: Study 2
data: {{nih: {{collection: chestxray14}}}}
preprocess: toh2023
task: {{findings: {FINDINGS.format(more="")}, split: {{paper: toh2023}}}}
layout: toh2023
arms:
  chexnet: {{encoder: densenet121}}
  cnn: {{encoder: toh2023_cnn}}
  resnet: {{encoder: toh2023_resnet}}
  densenet: {{encoder: toh2023_densenet}}
  unet_encoder: {{encoder: toh2023_unet_encoder}}
  xvt: {{encoder: toh2023_xvt}}
"""
STUDY_4 = """\
question: Study 4
data: {chestxray14: {collection: chestxray14}}
preprocess: tayebiarasteh2024
task:
  findings: [Cardiomegaly, Pleural Effusion, Pleural Thickening, Pneumonia, Pneumothorax, Atelectasis, Consolidation, Nodule,
             Mass, Fibrosis, Hernia, Emphysema, Edema, No Finding]
  split: {paper: tayebiarasteh2024, validation: 0.1}
arms: {scratch: {encoder: resnet18}}
"""


@pytest.fixture(scope="module")
def tables(shared_data) -> Path:
    return shared_data / "chestxray14_metadata"


def compared(text: str, tables: Path) -> list[ComparedNumber]:
    study = parse_study(text, where="study.yaml")
    prepared = prepare_study(study, dict.fromkeys(study.data, tables), allow_missing=True)
    return compare_with_published(study, list(prepared.views.values()))


def number(numbers: list[ComparedNumber], title: str, subject: str = "", split: str = "all") -> ComparedNumber:
    (found,) = [each for each in numbers if (each.title, each.subject, each.split) == (title, subject, split)]
    return found


def test_study_1_counts_weights_and_resampling_are_the_printed_ones(tables):
    numbers = compared(STUDY_1, tables)
    assert {each.state for each in numbers} == {"equal"}
    assert len(numbers) == 11 + 7 * 15
    here = {
        "images of exactly one class": 91_324, "images after resampling": 72_333,
    }  # fmt: skip
    for title, expected in here.items():
        assert number(numbers, title).here == expected
    assert [number(numbers, "images", split=part).here for part in ("train", "val", "test")] == [58_783, 14_688, 17_853]
    weight = "class weight n / (C n_c)"
    assert number(numbers, weight, "Atelectasis").here == pytest.approx(1.434, abs=5e-4)
    assert number(numbers, weight, "Hernia").here == pytest.approx(75.363, abs=5e-4)
    assert number(numbers, "Hernia's class weight after resampling").here == pytest.approx(15.456, abs=5e-4)
    slip = number(numbers, "images of the class", "Pneumothorax", "val")
    assert (slip.here, slip.paper) == (248, 248)
    assert "2438" in slip.note


@pytest.mark.slow
def test_study_1_divided_by_patients_differs_and_says_why(tables):
    text = STUDY_1.replace("split: {paper: elwirehardja2025}", "split: {lists: official, validation: 0.2}")
    numbers = compared(text + "layout: elwirehardja2025\n", tables)
    validation = number(numbers, "images", split="val")
    assert validation.state == "differs"
    assert "image by image" in validation.note
    assert number(numbers, "images", split="test").state == "equal"


def test_study_2_lists_labels_weights_and_parameters_are_the_printed_ones(tables):
    numbers = compared(STUDY_2, tables)
    assert {each.state for each in numbers} == {"equal"}
    assert [number(numbers, "images", split=part).here for part in ("train", "val", "test")] == [78_468, 11_219, 22_433]
    assert number(numbers, "images whose findings in CheXNet's lists differ from the table's").here == 181
    assert number(numbers, "largest weight of positives, negatives / positives").here == pytest.approx(492.9, abs=0.05)
    parameters = [each.here for each in numbers if each.title.startswith("parameters")]
    assert parameters == [7_051_854, 19_026, 6_299_342, 2_136_302, 21_129_038, 2_823_758]


@pytest.mark.slow
def test_study_4_on_chestxray14_and_the_command_prints_it(tables, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(STUDY_4)
    words = ["study", "plan", str(path), "--data", f"chestxray14={tables}", "--allow-missing", "--json"]
    answer = CliRunner().invoke(hilum.cli.make_app(), words, catch_exceptions=False)
    rows = json.loads(answer.output)["published"]
    assert {row["state"] for row in rows} == {"equal"}
    found = {(row["title"], row["subject"]): row["here"] for row in rows}
    assert found["training images (validation images included)", "chestxray14"] == 86_524
    assert found["test images", "chestxray14"] == 25_596
    assert found["patients", "chestxray14"] == 30_805
    assert found["positive images", "No Finding, chestxray14"] == 60_361


def planned(study: str, *data: str, rules: str = "hilum") -> list[dict]:
    words = ["study", "plan", study, "--allow-missing", "--json", "--protocol", rules]
    words += [word for each in data for word in ("--data", each)]
    answer = CliRunner().invoke(hilum.cli.make_app(), words, catch_exceptions=False)
    return json.loads(answer.output)["published"]


@pytest.mark.slow
def test_shipped_studies_print_their_papers_numbers_from_the_real_tables(tables):
    """Of the data sets that are at hand, where a study needs others, too."""
    first = planned("elwirehardja2025", f"chestxray14={tables}", rules="published")
    assert (len(first), {row["state"] for row in first}) == (116, {"equal"})
    by_patients = planned("elwirehardja2025", f"chestxray14={tables}")
    assert all(row["note"] for row in by_patients if row["state"] != "equal")
    second = planned("toh2023", f"chestxray14={tables}")
    assert (len(second), {row["state"] for row in second}) == (12, {"equal"})
    third = planned("gowtham2023", f"nih={tables}")
    assert [(row["title"], row["here"], row["state"]) for row in third] == [
        ("images", 112_120, "equal"),
        ("patients", 30_805, "equal"),
    ]
    fourth = planned("tayebiarasteh2024", f"chestxray14={tables}")
    assert (len(fourth), {row["state"] for row in fourth}) == (23, {"equal"})


def test_some_data_sets_of_a_study_are_counted_without_the_others():
    study = read_study(find_study("tayebiarasteh2024"))
    few = countable_part(study, {"uka", "mimic"})
    assert list(few.data) == ["mimic", "uka"]
    assert list(few.tasks) == ["mimic", "uka", "uka_either_side"]
    assert few.tasks["uka"] == study.tasks["uka"]
    assert few.layout == "tayebiarasteh2024"
    assert countable_part(study, set()) is None
    assert countable_part(read_study(find_study("toh2023")), {"chestxray14"}) is None


def test_a_study_of_no_paper_has_nothing_beside_it(small_study, images):
    assert published_of(small_study) is None
    assert (
        compare_with_published(small_study, list(prepare_study(small_study, {"images": images}).views.values())) == []
    )


def test_the_plan_of_generated_images_says_what_differs(images, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(STUDY_2)
    words = ["study", "plan", str(path), "--data", f"nih={images}"]
    answer = CliRunner().invoke(hilum.cli.make_app(), words, catch_exceptions=False)
    assert "Comparison with the paper: Toh, Daffa, Hung" in answer.output
    assert "112,120  differs" in answer.output
    assert "19,026 =" in answer.output


def test_every_check_of_every_paper_is_counted_somehow():
    from hilum.report.published import PUBLISHED, read_published

    named = {check.quantity for name in PUBLISHED for check in read_published(name).checks}
    assert named == set(QUANTITIES)
