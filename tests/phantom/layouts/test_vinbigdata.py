import csv

import polars as pl

# as in Kaggle's train.csv
IDS = {
    "Aortic enlargement": 0, "Atelectasis": 1, "Calcification": 2, "Cardiomegaly": 3, "Consolidation": 4, "ILD": 5,
    "Infiltration": 6, "Lung Opacity": 7, "Nodule/Mass": 8, "Other lesion": 9, "Pleural effusion": 10,
    "Pleural thickening": 11, "Pneumothorax": 12, "Pulmonary fibrosis": 13, "No finding": 14,
}  # fmt: skip


def test_rows_are_boxes_in_whole_pixels_with_the_native_classes(generated):
    root, written = generated("vinbigdata")
    with (root / "train.csv").open(newline="") as stream:
        header, *rows = csv.reader(stream)
    assert header == "image_id class_name class_id rad_id x_min y_min x_max y_max".split()
    assert {(row[1], int(row[2])) for row in rows} <= set(IDS.items())
    assert all(value == str(int(value)) for row in rows for value in row[4:] if value)
    assert {row[1] for row in rows if not row[4]} == {"No finding"}
    assert len([row for row in rows if row[4]]) == len(written.boxes)


def test_test_images_have_files_and_no_labels(generated):
    root, written = generated("vinbigdata")
    test = written.manifest.filter(pl.col("split") == "test")
    assert len(test)
    assert test["No Finding"].null_count() == len(test)
    expected = (root / "sample_submission.csv").read_text().splitlines()
    assert expected[0] == "image_id,PredictionString"
    assert sorted(line.split(",")[0] for line in expected[1:]) == test["image_id"].to_list()


def test_images_and_their_names_are_vindrs(generated):
    root, written = generated("vinbigdata")
    other, vindr = generated("vindr_cxr")
    path = written.manifest["path"][0]
    assert set(written.manifest["image_id"]) == set(vindr.manifest["image_id"])
    assert (root / path).read_bytes() == (other / path).read_bytes()
