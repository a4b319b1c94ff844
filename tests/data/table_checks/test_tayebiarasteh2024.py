"""Study 4, Tables 1 and 2: ChestX-ray14 from its real tables; sets that may not be redistributed where they are."""

import numpy as np
import polars as pl
import pytest

from hilum.data.labels import Cohort, LabelPolicy, read_codes, select_cohort, targets
from hilum.data.splits import check_patients_apart, paper_split
from hilum.findings import CHESTXRAY14, NO_FINDING

UNCERTAIN_DROPS_THE_IMAGE = ("Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Pneumonia")
CERTAIN = LabelPolicy(uncertain=dict.fromkeys(UNCERTAIN_DROPS_THE_IMAGE, "drop") | {"otherwise": "zero"})

CHESTXRAY14_TABLE_2 = {
    "Atelectasis": 11_559,
    "Cardiomegaly": 2_776,
    "Consolidation": 4_667,
    "Edema": 2_303,
    "Emphysema": 2_516,
    "Nodule": 6_331,
    "Mass": 5_782,
    "Pleural Effusion": 13_317,
    "Pleural Thickening": 3_385,
    "Fibrosis": 1_686,
    "Infiltration": 19_894,
    "Pneumonia": 1_431,
    "Pneumothorax": 5_302,
    "Hernia": 227,
    "No Finding": 60_361,
}
CHEXPERT_TABLE_2 = {
    "Atelectasis": 26_313,
    "Cardiomegaly": 19_890,
    "Consolidation": 9_542,
    "Edema": 43_213,
    "Lung Opacity": 73_961,
    "Lung Lesion": 5_829,
    "Enlarged Cardiomediastinum": 7_787,
    "Pleural Effusion": 65_142,
    "Pleural Other": 2_035,
    "Fracture": 6_445,
    "Pneumonia": 3_964,
    "Pneumothorax": 16_277,
    "No Finding": 17_000,
}
VINDR_TABLE_2 = {
    "Atelectasis": 148,
    "Calcification": 371,
    "Cardiomegaly": 2_126,
    "Consolidation": 217,
    "Edema": 1,
    "Emphysema": 17,
    "Enlarged Pulmonary Artery": 29,
    "Interstitial Lung Disease": 373,
    "Lung Opacity": 631,
    "Lung Cavity": 29,
    "Lung Cyst": 6,
    "Lung Tumor": 214,
    "Mediastinal Shift": 105,
    "Nodule/Mass": 585,
    "Pleural Effusion": 745,
    "Pleural Thickening": 1_051,
    "Fibrosis": 1_234,
    "COPD": 9,
    "Infiltration": 303,
    "Pneumonia": 717,
    "Pneumothorax": 76,
    "Tuberculosis": 646,
    "No Finding": 12_652,
}
MIMIC_TABLE_2 = {
    "Atelectasis": 42_760,
    "Cardiomegaly": 42_480,
    "Consolidation": 8_603,
    "Edema": 24_663,
    "Lung Opacity": 40_876,
    "Lung Lesion": 5_648,
    "Enlarged Cardiomediastinum": 6_527,
    "Pleural Effusion": 48_716,
    "Pleural Other": 1_751,
    "Fracture": 4_104,
    "Pneumothorax": 9_866,
    "No Finding": 81_117,
}
PADCHEST_TABLE_2 = {
    "Atelectasis": 6_166,
    "Cardiomegaly": 9_845,
    "Consolidation": 1_666,
    "Emphysema": 1_102,
    "Nodule/Mass": 4_747,
    "Pleural Effusion": 6_984,
    "Pleural Thickening": 3_372,
    "COPD": 14_293,
    "Infiltration": 4_605,
    "Pneumonia": 5_222,
    "Scoliosis": 5_573,
    "Hernia": 1_609,
    "Kyphosis": 2_621,
    "No Finding": 36_148,
}


def positives(manifest: pl.DataFrame, findings: list[str], label_policy: LabelPolicy) -> tuple[int, dict[str, int]]:
    """Images kept, and how many are positive for each finding."""
    ids, values = targets(manifest, findings, label_policy)
    return len(ids), dict(zip(findings, (values == 1).sum(axis=0).tolist(), strict=True))


@pytest.mark.shared_data
def test_chestxray14_has_the_counts_of_table_2(chestxray14):
    images, counts = positives(chestxray14.manifest, list(CHESTXRAY14_TABLE_2), LabelPolicy())
    assert images == 112_120
    assert counts == CHESTXRAY14_TABLE_2


@pytest.mark.shared_data
def test_chestxray14_has_the_14_labels_of_table_3_and_the_images_of_table_1(chestxray14):
    findings = [*(finding for finding in CHESTXRAY14 if finding != "Infiltration"), NO_FINDING]
    ids, values = targets(chestxray14.manifest, findings, LabelPolicy())
    assert values.shape == (112_120, 14)
    assert not np.isnan(values).any()
    split = paper_split("tayebiarasteh2024", chestxray14.manifest, "chestxray14", validation=10)
    check_patients_apart(split.assignment, "split")
    assert len(split.image_ids("test")) == 25_596
    assert len(split.image_ids("train")) + len(split.image_ids("val")) == 86_524
    assert split.assignment["image_id"].to_list() == ids
    assert chestxray14.manifest["patient_id"].n_unique() == 30_805


@pytest.mark.shared_data
def test_about_40_percent_of_chestxray14_is_anteroposterior(chestxray14):
    assert f"{(chestxray14.manifest['view'] == 'AP').mean():.1%}" == "40.0%"  # Table 1


def test_chexpert_has_the_counts_of_table_2_without_images_that_five_findings_leave_in_doubt(restricted):
    manifest = restricted("chexpert").manifest.filter(pl.col("split").is_in(["train", "val"]))
    frontal = select_cohort(manifest, Cohort(views="frontal"), CERTAIN)
    images, counts = positives(frontal, list(CHEXPERT_TABLE_2), CERTAIN)
    assert images == 157_878
    assert counts == CHEXPERT_TABLE_2
    # Table 1's training and test images together lack the 202 of the official validation set.
    assert positives(frontal.filter(pl.col("split") == "train"), ["Edema"], CERTAIN)[0] == 128_356 + 29_320


def test_vindr_cxr_has_the_counts_of_table_2_with_two_of_three_votes(restricted):
    label_policy = LabelPolicy(consensus="majority")
    manifest = read_codes(restricted("vindr_cxr"), list(VINDR_TABLE_2), label_policy)
    assert dict(manifest["split"].value_counts().iter_rows()) == {"train": 15_000, "test": 3_000}
    images, counts = positives(manifest, list(VINDR_TABLE_2), label_policy)
    assert images == 18_000
    assert counts == VINDR_TABLE_2


@pytest.mark.parametrize(
    ("collection", "published", "table_2"),
    [("mimic_cxr_jpg", 213_921, MIMIC_TABLE_2), ("padchest", 110_525, PADCHEST_TABLE_2)],
)
def test_the_images_of_table_2_are_among_the_frontal_images_of_other_sets(restricted, collection, published, table_2):
    # How the authors chose their images of these two is not stated, and has not been found out: theirs can only be a part
    # of the frontal ones, and not a small one.
    dataset = restricted(collection)
    label_policy = LabelPolicy()
    frontal = select_cohort(read_codes(dataset, list(table_2), label_policy), Cohort(views="frontal"))
    images, counts = positives(frontal, list(table_2), label_policy)
    assert published <= images <= 1.25 * published
    assert all(count <= counts[finding] <= 1.5 * count for finding, count in table_2.items()), counts
