"""The patient of an image that the labels do not name."""

import polars as pl
import pytest
from hypothesis import given, strategies as st

from hilum.data.collections.folder_patients import find_patients
from hilum.notes import Code


def images(*rows: tuple[str, str | None, str | None]) -> pl.DataFrame:
    """Of (path, id of the labels, id of the header)."""
    columns = {"path": pl.String, "patient_id": pl.String, "header_id": pl.String}
    table = pl.DataFrame(list(rows), schema=columns, orient="row")
    return table.with_columns(pl.col("path").alias("image_id"))


def found(table: pl.DataFrame, root) -> dict[str, tuple[str, bool]]:
    out, _ = find_patients(table, root)
    return {path: (patient, known) for path, patient, known in out.select("path", "patient_id", "patient_known").rows()}


def test_headers_tell_patients_where_the_labels_use_the_same_ids(tmp_path):
    table = images(("a.dcm", "77", "77"), ("b.dcm", "78", "78"), ("c.dcm", None, "77"), ("d.dcm", None, "99"))
    message = found(table, tmp_path)
    assert message["c.dcm"] == ("77", True)
    assert message["d.dcm"] == ("99", True)


def test_headers_are_turned_into_the_ids_of_the_labels(tmp_path):
    table = images(("a.dcm", "p1", "77"), ("b.dcm", "p2", "78"), ("c.dcm", None, "77"), ("d.dcm", None, "99"))
    message = found(table, tmp_path)
    assert message["c.dcm"] == ("p1", True)  # a test patient under two names would be learnt from
    assert message["d.dcm"] == ("99", True)


def test_headers_of_another_kind_are_not_compared(tmp_path):
    message = found(images(("a.png", "p1", None), ("c.dcm", None, "77"), ("d.dcm", None, "77")), tmp_path)
    assert message["c.dcm"] == message["d.dcm"] == ("77", False)


@given(
    numbers=st.lists(st.integers(1, 99_999), min_size=4, max_size=12, unique=True),
    form=st.sampled_from(
        ["{:08d}_{:03d}.png", "p{:d}/x{:d}.png", "patient{:05d}/study1/view{:d}.jpg", "ct-{:d}-{:d}.png"]
    ),
    of_label=st.sampled_from(["{:d}", "p{:d}", "{:08d}", "{:06d}"]),
)
def test_ids_are_read_off_paths_that_hold_them(numbers, form, of_label, tmp_path_factory):
    labelled, others = numbers[:-1], [*numbers[:1], *numbers[-1:]]
    rows = [(form.format(number, 0), of_label.format(number), None) for number in labelled]
    rows += [(form.format(number, 1), None, None) for number in others]
    message = found(images(*rows), tmp_path_factory.getbasetemp())
    patient, known = message[form.format(labelled[0], 1)]
    assert (patient, known) == (of_label.format(labelled[0]), True)
    patient, known = message[form.format(others[-1], 1)]
    assert known
    assert patient not in {of_label.format(number) for number in labelled}


@pytest.mark.parametrize("ids", [["1", "2", "4"], ["1", "2", None], ["1", "1", "1"]])
def test_a_part_of_the_path_that_is_not_always_the_id_is_none(ids, tmp_path):
    rows = [(f"x{number}_a.png", each, None) for number, each in enumerate(ids, start=1)]
    assert found(images(*rows, ("x9_b.png", None, None)), tmp_path)["x9_b.png"] == ("x9_b.png", False)


@pytest.mark.parametrize(
    ("path", "other", "patient"),
    [
        ("p{:02d}/0.png", "archive/7.png", None),
        ("p{:02d}/0.png", "p31/7.png", "p31"),
        ("{:d}_0.png", "x_000.png", None),
    ],
)
def test_a_part_of_the_path_that_has_not_the_form_of_the_ids_names_nobody(path, other, patient, tmp_path):
    ids = "p{:02d}" if path.startswith("p") else "{:d}"
    rows = [(path.format(number), ids.format(number), None) for number in range(10, 30)]
    assert found(images(*rows, (other, None, None)), tmp_path)[other] == (patient or other, patient is not None)


def test_a_header_that_no_labelled_image_has_may_be_anyone_whose_header_is_not_known(tmp_path):
    """Four labelled patients have headers, one has none: the follow-up image may be hers."""
    rows = [(f"{number}.dcm", f"R{number}", f"H{number}") for number in range(4)]
    follow_up = [("new.dcm", None, "H9"), ("newer.dcm", None, "H9"), ("again.dcm", None, "H1")]
    everyone, without_one = images(*rows, *follow_up), images(*rows, ("4.png", "R4", None), *follow_up)
    assert found(everyone, tmp_path)["new.dcm"] == ("H9", True)
    message = found(without_one, tmp_path)
    assert message["again.dcm"] == ("R1", True)
    assert message["new.dcm"] == message["newer.dcm"] == ("H9", False)


def test_a_copy_is_of_the_patient_of_the_original(tmp_path):
    for name, content in {
        "a.png": b"one",
        "copy.png": b"one",
        "b.png": b"two",
        "again.png": b"two",
        "c.png": b"six",
    }.items():
        (tmp_path / name).write_bytes(content)
    table = images(("a.png", "p1", None), *((name, None, None) for name in ("copy.png", "b.png", "again.png", "c.png")))
    message = found(table, tmp_path)
    assert message["copy.png"] == ("p1", True)
    assert message["b.png"] == message["again.png"] == ("b.png", False)
    assert message["c.png"] == ("c.png", False)


@pytest.mark.parametrize("part", ["2019", "1987", "201903", "20190312"])
@pytest.mark.parametrize("images_there", [1, 30])
def test_a_date_in_the_place_of_an_id_is_nobody(part, images_there, tmp_path):
    rows = [(f"{number}/0.png", str(number), None) for number in range(4000, 4010)]
    rows += [(f"{part}/{number}.png", None, None) for number in range(images_there)]
    table, notes = find_patients(images(*rows), tmp_path)
    there = table.filter(pl.col("path").str.starts_with(part))
    assert not there["patient_known"].any()
    assert there["patient_id"].to_list() == there["image_id"].to_list()
    assert [dict(each.parameters)["examples"] for each in notes if each.code is Code.NUMBERS_FOR_PATIENTS] == [part]


def test_a_year_is_an_id_where_ids_are_such_numbers(tmp_path):
    rows = [(f"{number}/0.png", str(number), None) for number in range(2000, 2010)]
    assert found(images(*rows, ("2019/7.png", None, None)), tmp_path)["2019/7.png"] == ("2019", True)


@pytest.mark.parametrize(("images_there", "patient"), [(4, True), (10, True), (11, False), (300, False)])
def test_a_number_of_far_more_images_than_a_patient_has_is_nobody(images_there, patient, tmp_path):
    rows = [(f"{number}/{image}.png", str(number), None) for number in range(10, 30) for image in range(3)]
    rows += [(f"77/{number}.png", None, None) for number in range(images_there)]
    table, notes = find_patients(images(*rows), tmp_path)
    there = table.filter(pl.col("path").str.starts_with("77/"))
    assert there["patient_known"].to_list() == [patient] * images_there
    code = Code.PATIENTS_OF_PATHS_ONLY if patient else Code.NUMBERS_FOR_PATIENTS
    assert code in [each.code for each in notes]
