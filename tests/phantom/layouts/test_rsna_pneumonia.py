import re

import polars as pl
import pydicom

from hilum.phantom.layouts.rsna_pneumonia import OPACITIES


def test_files_are_as_rsnas(generated):
    root, written = generated("rsna_pneumonia")
    labels = (root / "stage_2_train_labels.csv").read_text().splitlines()
    classes = (root / "stage_2_detailed_class_info.csv").read_text().splitlines()
    assert labels[0] == "patientId,x,y,width,height,Target"
    assert classes[0] == "patientId,class"
    assert len(labels) == len(classes)  # a row a box in both
    assert {line.split(",", 1)[1] for line in classes[1:]} == {
        "Lung Opacity", "Normal", "No Lung Opacity / Not Normal",
    }  # fmt: skip
    for name, path in written.manifest.select("image_id", "path").rows()[:4]:
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", name)
        file = pydicom.dcmread(root / path)
        assert file.file_meta.TransferSyntaxUID.name == "JPEG Baseline (Process 1)"
        assert (file.BitsStored, file.Modality, file.PatientID) == (8, "CR", name)
        assert file.SOPClassUID.name == "Secondary Capture Image Storage"


def test_an_image_has_boxes_where_its_target_is_1(generated):
    written = generated("rsna_pneumonia")[1]
    boxed = set(written.boxes["image_id"])
    train = written.manifest.filter(pl.col("split") == "train")
    assert set(train.filter(pl.col("Lung Opacity") == 1)["image_id"]) == boxed
    assert (written.boxes["x"] + written.boxes["width"]).max() <= 1024
    assert train["No Finding"].sum() > 0
    assert len(OPACITIES) == 3
