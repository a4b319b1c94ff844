from itertools import product
from pathlib import Path

import polars as pl
import pytest

from hilum.data.collections import Dataset
from hilum.data.labels import LabelPolicy, add_derived_findings, by_consensus, by_grade, combine_findings, read_codes
from hilum.errors import HilumError


def readings_of(*rows: tuple[str, str, str, int]) -> pl.DataFrame:
    schema = {"image_id": pl.String, "reader": pl.String, "finding": pl.String, "code": pl.Int8}
    return pl.DataFrame(rows, schema=schema, orient="row")


def grades_of(*rows: tuple[str, str, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"image_id": pl.String, "finding": pl.String, "grade": pl.Int8}, orient="row")


@pytest.fixture
def dataset(images):
    def make(manifest, **tables):
        return Dataset(manifest, None, Path(), "vindr_cxr", [], {}, **tables)

    return make


@pytest.mark.parametrize(
    ("codes", "any_of_them", "majority", "all_of_them"),
    [
        ((0, 0, 0), 0, 0, 0),
        ((1, 0, 0), 1, 0, 0),
        ((1, 1, 0), 1, 1, 0),
        ((1, 1, 1), 1, 1, 1),
        ((-1, 0, 0), -1, 0, 0),
        ((1, -1, 0), 1, -1, 0),
        ((1, 1, -1), 1, 1, -1),
        ((-1, -1, 0), -1, -1, 0),
        ((1, 0), 1, 0, 0),
        ((1, 1, 0, 0), 1, 0, 0),
        ((1,), 1, 1, 1),
    ],
)
def test_as_many_readers_as_asked_for_must_see_a_finding(images, codes, any_of_them, majority, all_of_them):
    readings = readings_of(*(("a0", f"R{number}", "Mass", code) for number, code in enumerate(codes)))
    manifest = images(["p"], Mass=[None])
    voted = [by_consensus(manifest, readings, vote)["Mass"][0] for vote in ("any", "majority", "all")]
    assert voted == [any_of_them, majority, all_of_them]


def test_images_that_nobody_read_keep_their_code_and_a_silent_reader_sees_nothing(images):
    manifest = images(["p", "q", "r"], Mass=[1, 1, -1], Edema=[1, 0, None], Hernia=[-1, 1, 1])
    readings = readings_of(("a0", "R1", "Mass", 1), ("a0", "R2", "Edema", 0), ("a2", "R1", "Edema", 1))
    voted = by_consensus(manifest, readings, "all")
    assert voted["Mass"].to_list() == [0, 1, 0]
    assert voted["Edema"].to_list() == [0, 0, 1]
    assert voted["Hernia"].to_list() == [-1, 1, 1]
    assert voted.columns == manifest.columns
    assert voted.schema == manifest.schema


def test_a_reader_who_marks_a_finding_twice_has_one_vote(images):
    readings = readings_of(
        ("a0", "R1", "Mass", 1), ("a0", "R1", "Mass", 1), ("a0", "R2", "Mass", 0), ("a0", "R3", "Mass", 0)
    )
    assert by_consensus(images(["p"], Mass=[None]), readings, "majority")["Mass"].to_list() == [0]


def test_a_finding_counts_from_the_grade_asked_for(images):
    manifest = images(["p", "q", "r", "s"], Edema=[1, 1, 1, 0], Mass=[0, 0, 1, 1])
    grades = grades_of(*((f"a{n}", "Edema", n) for n in range(3)), ("a0", "Mass", 3), ("a1", "Mass", 0))
    graded = by_grade(manifest, grades, 2)
    assert graded["Edema"].to_list() == [0, 0, 1, 0]
    assert graded["Mass"].to_list() == [1, 0, 1, 1]
    only_one = by_grade(manifest, grades, {"Edema": 1})
    assert only_one["Edema"].to_list() == [0, 1, 1, 0]
    assert only_one["Mass"].to_list() == [0, 0, 1, 1]


@pytest.mark.parametrize("threshold", [0, {"Hernia": 2}])
def test_a_threshold_that_means_nothing_is_refused(images, threshold):
    with pytest.raises(HilumError, match=r"a grade of 1 or more for a graded finding \(Edema\)"):
        by_grade(images(["p"], Edema=[1], Hernia=[0]), grades_of(("a0", "Edema", 1)), threshold)


def test_a_folded_finding_is_the_or_of_its_parts(images):
    pairs = list(product([1, 0, -1, None], repeat=2))
    manifest = images(
        [f"p{number}" for number in range(len(pairs))],
        Nodule=[pair[0] for pair in pairs],
        Mass=[pair[1] for pair in pairs],
    )

    def slow(pair):
        for code in (1, -1, None):
            if code in pair:
                return code
        return 0

    assert add_derived_findings(manifest, ["Nodule/Mass"])["Nodule/Mass"].to_list() == [slow(pair) for pair in pairs]


def test_a_finding_is_derived_only_where_it_lacks_and_all_its_parts_are_there(images):
    half = images(["p"], **{"Rib Fracture": [1]})
    assert "Fracture" not in add_derived_findings(half, ["Fracture"]).columns
    own = images(["p"], **{"Rib Fracture": [1], "Clavicle Fracture": [0], "Fracture": [0]})
    assert add_derived_findings(own, ["Fracture"])["Fracture"].to_list() == [0]
    sides = images(["p", "q"], **{"Pleural Effusion Left": [0, 0], "Pleural Effusion Right": [1, 0]})
    assert add_derived_findings(sides, ["Pleural Effusion"])["Pleural Effusion"].to_list() == [1, 0]
    germs = images(["p", "q"], **{"Bacterial Pneumonia": [0, 0], "Viral Pneumonia": [1, 0]})
    assert add_derived_findings(germs, ["Pneumonia"])["Pneumonia"].to_list() == [1, 0]


def test_codes_are_read_by_vote_then_by_grade_and_derived_last(images, dataset):
    manifest = images(["p", "q"], **{"Rib Fracture": [-1, 1], "Clavicle Fracture": [0, 0], "Edema": [1, 1]})
    readings = readings_of(*(("a0", reader, "Rib Fracture", 1 if reader == "R1" else 0) for reader in ("R1", "R2")))
    of_all = dataset(manifest, readings=readings, grades=grades_of(("a1", "Edema", 1)))
    codes = read_codes(of_all, ["Fracture"], LabelPolicy(consensus="any", severity_threshold=2))
    assert codes["Fracture"].to_list() == [1, 1]
    assert codes["Edema"].to_list() == [1, 0]
    assert read_codes(of_all, ["Fracture"], LabelPolicy())["Fracture"].to_list() == [-1, 1]


def test_other_stands_for_the_findings_named(images, dataset):
    plain = dataset(images(["p", "q", "r"], Mass=[1, 0, 0], Edema=[0, -1, None], Hernia=[1, 1, 1]))
    assert read_codes(plain, ["Hernia", "Other"], LabelPolicy(other=("Mass", "Edema")))["Other"].to_list() == [
        1,
        -1,
        None,
    ]
    with pytest.raises(HilumError, match="found none"):
        read_codes(plain, ["Other"], LabelPolicy())
    with pytest.raises(HilumError, match="found Nodule"):
        combine_findings(plain.manifest, ["Mass", "Nodule"], "Other")


@pytest.mark.parametrize("asked", [{"consensus": "any"}, {"severity_threshold": 1}])
def test_votes_and_grades_that_a_data_set_lacks_are_refused(images, dataset, asked):
    with pytest.raises(HilumError, match=f"{next(iter(asked))}: .*found none in vindr_cxr"):
        read_codes(dataset(images(["p"], Mass=[1])), ["Mass"], LabelPolicy(**asked))
