import csv

import polars as pl
import pydicom

from hilum.data.pixels import read_gray
from hilum.findings import labelled_by
from hilum.phantom.layouts.vindr_images import READERS

# header lines as PhysioNet distributes them
LABELS = (
    "Aortic enlargement,Atelectasis,Calcification,Cardiomegaly,Clavicle fracture,Consolidation,Edema,Emphysema,"
    "Enlarged PA,ILD,Infiltration,Lung Opacity,Lung cavity,Lung cyst,Mediastinal shift,Nodule/Mass,Pleural effusion,"
    "Pleural thickening,Pneumothorax,Pulmonary fibrosis,Rib fracture,Other lesion,COPD,Lung tumor,Pneumonia,"
    "Tuberculosis,Other diseases,No finding"
)


def rows(root, name):
    with (root / "annotations" / f"{name}.csv").open(newline="") as stream:
        return list(csv.reader(stream))


def test_the_folder_has_the_native_tables(generated):
    root, _ = generated("vindr_cxr")
    assert sorted(path.name for path in (root / "annotations").iterdir()) == [
        "annotations_test.csv", "annotations_train.csv", "image_labels_test.csv", "image_labels_train.csv",
    ]  # fmt: skip
    assert ",".join(rows(root, "image_labels_train")[0]) == f"image_id,rad_id,{LABELS}"
    assert ",".join(rows(root, "image_labels_test")[0]) == "image_id," + LABELS.replace("diseases", "disease")
    assert rows(root, "annotations_train")[0] == "image_id rad_id class_name x_min y_min x_max y_max".split()
    assert rows(root, "annotations_test")[0] == "image_id class_name x_min y_min x_max y_max".split()
    assert set(LABELS.split(",")) == set(labelled_by("vindr_cxr").values())


def test_three_readers_see_each_training_image_and_differ_on_some(generated):
    root, written = generated("vindr_cxr")
    train = rows(root, "image_labels_train")[1:]
    assert len(train) == 3 * len({row[0] for row in train})
    assert {row[1] for row in train} <= set(READERS)
    assert len({row[1] for row in train}) > 3
    codes = written.manifest.filter(pl.col("split") == "train").select(list(labelled_by("vindr_cxr")))
    assert {-1, 0, 1} == set(codes.unpivot()["value"])
    test = written.manifest.filter(pl.col("split") == "test").select(list(labelled_by("vindr_cxr")))
    assert set(test.unpivot()["value"]) == {0, 1}


def test_readers_who_agree_draw_near_each_other(generated):
    boxes = generated("vindr_cxr")[1].boxes.filter(pl.col("finding") == "Cardiomegaly").drop_nulls("reader")
    spread = boxes.group_by("image_id").agg(
        pl.len(), (pl.col("x").max() - pl.col("x").min()).alias("apart"), pl.col("width").max()
    )
    assert spread["len"].max() > 1
    assert (spread.filter(pl.col("len") > 1)["apart"] > 0).all()
    assert (spread["apart"] <= 0.1 * spread["width"] + 1).all()


def test_images_are_deep_dicom_of_several_encodings(generated):
    root, written = generated("vindr_cxr")
    files = [pydicom.dcmread(root / path, stop_before_pixels=True) for path in written.manifest["path"]]
    assert {file.BitsStored for file in files} == {10, 12, 14, 16}
    assert {file.PhotometricInterpretation for file in files} == {"MONOCHROME1", "MONOCHROME2"}
    assert len({file.file_meta.TransferSyntaxUID for file in files}) == 5
    assert not any("PatientID" in file or "PatientName" in file for file in files)
    for path, file in list(zip(written.manifest["path"], files, strict=True))[:8]:
        image = read_gray(root / path)
        assert image.shape == (file.Rows, file.Columns)
        assert max(image.shape) == 32
        # a thorax is bright in the middle of its lower edge and dark in a lung, whatever the file's encoding
        middle = image.shape[1] // 2
        assert image[-3:, middle - 2 : middle + 2].mean() > image.mean() > image.min()


def test_every_image_is_of_another_patient(generated):
    manifest = generated("vindr_cxr")[1].manifest
    assert manifest["patient_id"].n_unique() == len(manifest) == 36
    assert manifest["view"].unique().to_list() == ["PA"]
