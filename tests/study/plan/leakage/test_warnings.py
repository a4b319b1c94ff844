"""What is doubtful about a study's images is in the plan, in the verdict, and has a code."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from hilum.cli.study_plan import print_plan
from hilum.notes import Code
from hilum.study.file import parse_study
from hilum.study.plan import plan_data, plan_study
from hilum.study.plan.leakage import warnings_of
from hilum.study.plan.prepare import prepare

STUDY = """\
question: Two hospitals?
data:
  a: {collection: folder, labels: labels.csv, issuer: a}
  b: {collection: folder, labels: labels.csv, issuer: b}
preprocess: [{square: pad}, {resize: 32}]
task:
  on: [a, b]
  findings: [Mass, Nodule]
  split: {patients: [0.5, 0.2, 0.3], seed: 0}
arms:
  scratch: {encoder: small_convnet}
"""


def made(number: int) -> bytes:
    noise = np.random.default_rng(number).integers(0, 256, (24, 24), dtype=np.uint8)
    return cv2.imencode(".png", noise)[1].tobytes()


@pytest.fixture
def roots(tmp_path) -> dict[str, Path]:
    """Twenty images each; b labels no Nodule; two of its images are images of a."""
    roots = {name: tmp_path / name for name in "ab"}
    for at, (name, root) in enumerate(roots.items()):
        root.mkdir()
        lines = ["image,patient_id,Mass" + (",Nodule" if name == "a" else "")]
        for number in range(20):
            (root / f"{name}{number}.png").write_bytes(made(100 * at + number))
            lines.append(f"{name}{number}.png,{name}{number},{number % 2}" + (f",{number % 2}" if name == "a" else ""))
        (root / "labels.csv").write_text("\n".join(lines) + "\n")
    (roots["b"] / "b2.png").write_bytes(made(3))  # a3 is positive, b2 negative
    (roots["b"] / "b5.png").write_bytes(made(7))  # both positive
    return roots


def test_one_file_with_two_labels_in_a_pool_is_counted_and_named(roots, capsys):
    plan = plan_study(parse_study(STUDY, where="study.yaml"), roots)
    (found,) = [each for each in plan_data(plan)["warnings"] if each["code"] == Code.CONTRADICTORY_LABELS]
    assert found["parameters"] == {"groups": 1, "findings": "Mass", "examples": "a:a3.png and b:b2.png"}
    assert found["data"] == plan.study.labelled_data
    print_plan(plan)
    assert "with contradictory labels of Mass (a:a3.png and b:b2.png)" in capsys.readouterr().out.replace("\n", " ")


def test_one_file_with_two_labels_in_a_folder_is_counted_over_all_its_names(roots):
    text = STUDY.replace("on: [a, b]", "on: a").replace(
        "  b: {collection: folder, labels: labels.csv, issuer: b}\n", ""
    )
    for other in (4, 6):
        (roots["a"] / f"a{other}.png").write_bytes(made(3))
    (found,) = warnings_of(prepare(parse_study(text, where="study.yaml"), {"a": roots["a"]}))
    assert dict(found.note.parameters)["groups"] == 1
    assert dict(found.note.parameters)["findings"] == "Mass, Nodule"


def test_labels_that_agree_are_not_doubted(roots):
    (roots["b"] / "b2.png").write_bytes(made(999))
    assert warnings_of(prepare(parse_study(STUDY, where="study.yaml"), roots)) == []


def test_ids_that_name_nobody_and_spellings_of_one_id_are_in_the_plan(roots):
    labels = roots["b"] / "labels.csv"
    text = labels.read_text().replace(",b1,", ",B11,").replace(",b12,", ",-,").replace(",b13,", ",Anonymous,")
    labels.write_text(text)
    plan = plan_data(plan_study(parse_study(STUDY, where="study.yaml"), roots))
    codes = {each["code"]: each for each in plan["warnings"]}
    assert codes["several_spellings"]["parameters"] == {"patients": 1, "examples": "B11 = b11"}
    assert codes["placeholder_patient_ids"]["parameters"]["images"] == 2
    assert codes["placeholder_patient_ids"]["data"] == "b"
    assert "have no patient id" in plan["arms"][0]["trained_on_test_patients"]
