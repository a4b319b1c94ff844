import cv2
import polars as pl
import pytest

from hilum.data.doctor import CheckedDataset, diagnose, measure_all
from hilum.data.doctor.copies import copy_issues


@pytest.fixture
def planted(own_copy: CheckedDataset) -> CheckedDataset:
    """Copies of the first three images under new names: the file, its pixels, and a JPEG of it."""
    manifest, root = own_copy.manifest, own_copy.root
    rows = []
    for number, row in enumerate(manifest.head(3).iter_rows(named=True)):
        image = cv2.imread(str(root / row["path"]), cv2.IMREAD_UNCHANGED)
        name = ("file.png", "pixels.png", "near.jpg")[number]
        if number == 0:
            (root / name).write_bytes((root / row["path"]).read_bytes())
        elif number == 1:
            cv2.imwrite(str(root / name), image, [cv2.IMWRITE_PNG_COMPRESSION, 9])
        else:
            cv2.imwrite(str(root / name), image, [cv2.IMWRITE_JPEG_QUALITY, 80])
        rows.append(row | {"image_id": name, "path": name})
    added = pl.DataFrame(rows, schema=manifest.schema)
    return CheckedDataset("images", "chestxray14", root, pl.concat([manifest, added]), own_copy.rejected)


def changed(data_set, image_id, **values):
    at = pl.col("image_id") == image_id
    columns = [pl.when(at).then(pl.lit(value)).otherwise(pl.col(name)).alias(name) for name, value in values.items()]
    return CheckedDataset(
        data_set.name, data_set.collection, data_set.root, data_set.manifest.with_columns(columns), data_set.rejected
    )


def examined(data_sets, out):
    return diagnose(data_sets, measure_all(data_sets, out))


def checks(found):
    return {issue.check: issue for issue in found.issues if issue.check.startswith("duplicates")}


def test_copies_are_found_and_distinguished_by_what_is_the_same(planted, tmp_path):
    found = examined([planted], tmp_path / "out")
    pairs = found.copies.select("image_id_b", "kind").sort("image_id_b").rows()
    assert pairs == [("file.png", "same file"), ("near.jpg", "near"), ("pixels.png", "same pixels")]
    issue = checks(found)["duplicates of one patient"]
    assert issue.severity == "warning"
    assert issue.message.startswith("3 pairs of images: one image of one patient, twice (1 same file, 1 same pixels, 1")
    assert list(checks(found)) == ["duplicates of one patient"]


def test_a_copy_in_another_part_of_the_split_is_an_error(planted, tmp_path):
    split = planted.manifest["split"][0]
    other = "test" if split == "train_val" else "train_val"
    found = checks(examined([changed(planted, "file.png", split=other, patient_id="new")], tmp_path / "out"))
    assert found["duplicates across the split"].severity == "error"
    assert set(found["duplicates across the split"].image_ids) == {planted.manifest["image_id"][0], "file.png"}


def test_a_copy_under_another_patient_is_an_error(planted, tmp_path):
    found = checks(examined([changed(planted, "near.jpg", patient_id="new")], tmp_path / "out"))
    assert found["duplicates of two patients"].severity == "error"
    assert "near.jpg" in found["duplicates of two patients"].image_ids


def test_labels_of_copies_that_disagree_are_a_warning(planted, tmp_path):
    before = planted.manifest["Hernia"][1]
    found = examined([changed(planted, "pixels.png", Hernia=1 - before)], tmp_path / "out")
    assert checks(found)["duplicates with conflicting labels"].severity == "warning"
    assert found.copies.filter(pl.col("image_id_b") == "pixels.png")["labels_differ"].to_list() == [["Hernia"]]


def test_copies_are_found_across_data_sets(clean, own_copy, tmp_path):
    selected = own_copy.manifest.head(4)
    for path in selected["path"]:
        image = cv2.imread(str(own_copy.root / path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(own_copy.root / path), cv2.resize(image, (160, 160), interpolation=cv2.INTER_CUBIC))
    fewer = CheckedDataset("fewer", "chestxray14", own_copy.root, selected, own_copy.rejected)
    found = examined([clean, fewer], tmp_path / "out")
    issue = checks(found)["duplicates across data sets"]
    assert (issue.severity, issue.data_set) == ("warning", "images and fewer")
    assert sorted(issue.image_ids) == sorted(selected["image_id"])
    assert found.copies.select("image_id_a").to_series().to_list() == sorted(selected["image_id"])
    assert (found.copies["image_id_a"] == found.copies["image_id_b"]).all()


def test_a_negative_of_an_image_is_the_same_image(own_copy, tmp_path):
    row = own_copy.manifest.row(9, named=True)
    image = cv2.imread(str(own_copy.root / row["path"]), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(own_copy.root / "negative.png"), 255 - image)
    added = pl.DataFrame([row | {"image_id": "negative.png", "path": "negative.png"}], schema=own_copy.manifest.schema)
    manifest = pl.concat([own_copy.manifest, added])
    found = examined(
        [CheckedDataset("images", "chestxray14", own_copy.root, manifest, own_copy.rejected)], tmp_path / "out"
    )
    assert found.copies.select("image_id_a", "image_id_b", "kind").rows() == [
        (row["image_id"], "negative.png", "negative")
    ]
    assert {"negatives", "duplicates of one patient"} <= {issue.check for issue in found.issues}


def test_no_pairs_mean_no_issue(clean, tmp_path):
    copies = examined([clean], tmp_path / "out").copies
    assert len(copies) == 0
    assert list(copy_issues(copies)) == []
