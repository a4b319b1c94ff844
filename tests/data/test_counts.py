import polars as pl

from hilum.data.counts import count_images


def test_images_patients_and_positives_are_counted_by_split_and_finding(images):
    manifest = images(
        ["p", "p", "q", "r"],
        Mass=[1, 1, -1, 0],
        Edema=[0, 1, None, 1],
        split=["test", "test", "train_val", "train_val"],
    )
    assert count_images(manifest).rows() == [
        # split, images, patients, finding, positives, positive_patients, single_label, uncertain, unlabelled
        ("train_val", 2, 2, "Mass", 0, 0, 0, 1, 0),
        ("train_val", 2, 2, "Edema", 1, 1, 1, 0, 0),
        ("test", 2, 1, "Mass", 2, 1, 1, 0, 0),
        ("test", 2, 1, "Edema", 1, 1, 0, 0, 0),
    ]


def test_an_assignment_overrules_the_manifests_own_split(images):
    manifest = images(["p", "q", "r"], Mass=[1, 0, 1], split=["train", "train", "train"])
    assignment = pl.DataFrame({"image_id": ["a0", "a2"], "split": ["val", "test"]})
    counted = count_images(manifest, assignment)
    assert counted.select("split", "images", "positives").rows() == [("val", 1, 1), ("test", 1, 1)]


def test_images_on_no_list_and_without_findings_are_counted_too(images):
    counted = count_images(images(["p", "p"]))
    assert counted.select("split", "images", "patients", "finding", "positives").rows() == [("unlisted", 2, 1, None, 0)]


def test_unlabelled_images_are_counted_apart(images):
    manifest = images(["p", "p", "q"], Mass=[1, None, None]).with_columns(labelled=pl.Series([True, False, True]))
    assert count_images(manifest).select("split", "images", "positives", "unlabelled").rows() == [("unlisted", 3, 1, 1)]
