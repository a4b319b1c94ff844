"""Study 2: CheXNet's lists and the weights of its loss, from the real tables of ChestX-ray14."""

import gzip

import polars as pl
import pytest

from hilum.data.balance import negatives_per_positive
from hilum.data.splits import check_patients_apart, listed_split, paper_split
from hilum.findings import CHESTXRAY14

pytestmark = pytest.mark.shared_data


def test_chexnets_lists_have_their_counts_and_keep_patients_apart(chestxray14):
    split = paper_split("toh2023", chestxray14.manifest, "chestxray14")
    check_patients_apart(split.assignment, "chexnet")
    counted = split.assignment.group_by("split").agg(pl.len(), pl.col("patient_id").n_unique())
    assert {part: tuple(counts) for part, *counts in counted.rows()} == {
        "train": (78_468, 21_528),
        "val": (11_219, 3_090),
        "test": (22_433, 6_187),
    }


def test_chexnets_training_list_holds_most_of_the_official_test_images(chestxray14):
    official = set(listed_split(chestxray14.manifest, "official", validation=20).image_ids("test"))
    assert len(official) == 25_596
    assert len(official & set(listed_split(chestxray14.manifest, "chexnet").image_ids("train"))) == 17_920


@pytest.fixture(scope="module")
def older_labels(shared_data) -> pl.DataFrame:
    """The labels that the lists carry: `image_id` and the 14 findings, of an older release."""
    lists = (shared_data / "chestxray14_metadata" / f"chexnet_{part}_list.txt.gz" for part in ("train", "val", "test"))
    lines = [line.split() for path in lists for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
    columns = {name: [int(line[place]) for line in lines] for place, name in enumerate(CHESTXRAY14, start=1)}
    return pl.DataFrame({"image_id": [line[0] for line in lines], **columns})


def test_the_lists_carry_older_labels_than_the_table(chestxray14, older_labels):
    newer = older_labels.select("image_id").join(chestxray14.manifest, on="image_id", how="left", maintain_order="left")
    differ = pl.any_horizontal(newer[name] != older_labels[name] for name in CHESTXRAY14)
    assert newer.select(differ).to_series().sum() == 181
    assert (older_labels["Pneumonia"].sum(), newer["Pneumonia"].sum()) == (1_353, 1_431)


def test_the_weights_are_negatives_per_positive_of_the_training_images(chestxray14):
    split = paper_split("toh2023", chestxray14.manifest, "chestxray14")
    train = chestxray14.manifest.filter(chestxray14.manifest["image_id"].is_in(split.image_ids("train")))
    weights = negatives_per_positive({name: int(train[name].sum()) for name in CHESTXRAY14}, len(train))
    for finding in CHESTXRAY14:
        values = train[finding].to_numpy()
        assert weights[finding] == pytest.approx((values == 0).sum() / (values == 1).sum(), rel=1e-12)


def test_the_weights_in_the_authors_code_are_inverse_frequencies_of_the_older_labels(older_labels):
    # vernontoh/ChestXRay has a fixed list from 9.72 (Atelectasis) to 493.92 (Hernia): images per positive of all lists.
    positives = {name: int(older_labels[name].sum()) for name in CHESTXRAY14}
    weights = negatives_per_positive(positives, len(older_labels))
    assert round(1 + weights["Atelectasis"], 2) == 9.72
    assert round(1 + weights["Hernia"], 2) == 493.92
