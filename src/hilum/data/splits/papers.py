"""Splits of the five studies, each under its study's name.

- elwirehardja2025, single-label images: test: official list; validation: floor(0.2 n) of the other images of each class
- toh2023, ChestX-ray14: test and validation: CheXNet's lists
- gowtham2023, Kermany: test and validation: its folders; for ChestX-ray14 the paper states no rule
- tayebiarasteh2024, VinDr-CXR, ChestX-ray14: test: official list; validation: a fraction of the other patients
- tayebiarasteh2024, four other sets: test: 20 % of the patients; validation: a fraction of the other patients
- kivotova2021, CheXpert: test: its validation images; validation: 20 % of the other patients
- kivotova2021, five other sets: no test (pretraining only); validation: 20 % of the patients

The first rule puts images of one patient into train and val (`Split.sharing`). tayebiarasteh2024 states no validation
images (its authors' code selects on test): here they are a fraction of the training patients. If kivotova2021 does not
state if images or patients are split, patients are.
"""

from math import floor

import numpy as np
import polars as pl

from hilum.data.manifest import finding_columns
from hilum.data.splits.by_patient import assign_patients
from hilum.data.splits.listed import listed_split
from hilum.data.splits.split import Split, check_patients_apart
from hilum.draws import Stream, image_keys, shuffled
from hilum.errors import HilumError

PAPER_RULES = ("elwirehardja2025", "toh2023", "gowtham2023", "tayebiarasteh2024", "kivotova2021")
_SHARING = ("train", "val")  # in elwirehardja2025
_WITH_OFFICIAL_TEST = ("chestxray14", "vindr_cxr")  # in tayebiarasteh2024


def paper_split(rule: str, manifest: pl.DataFrame, collection: str, *, validation: int = 10, seed: int = 0) -> Split:
    """Return the split of a study.

    Args:
        rule: One of `PAPER_RULES`.
        manifest: Images of the task, after selection, such as the frontal ones.
        collection: Collection of the images.
        validation: For tayebiarasteh2024 only: percentage of its training patients for val.
        seed: Random seed; rules with published lists do not use it.

    Raises:
        HilumError: Unknown rule, or one for another data set.
    """
    match rule:
        case "elwirehardja2025":
            return image_wise_validation(manifest, seed)
        case "toh2023":
            return listed_split(manifest, "chexnet")
        case "gowtham2023" if collection == "kermany":
            return listed_split(manifest, "official")
        case "tayebiarasteh2024":
            return _fifth_for_test(manifest, collection, validation, seed)
        case "kivotova2021":
            return _fifth_for_validation(manifest, collection, seed)
    raise HilumError(
        "split.paper",
        expected=f"a rule for {collection}, one of {', '.join(PAPER_RULES)}",
        found=f"no rule of {rule}",
        fix="Use split: {patients: [0.7, 0.1, 0.2], seed: 0}.",
    )


def image_wise_validation(manifest: pl.DataFrame, seed: int) -> Split:
    """Return study 1's split, which leaks: images of one patient may be in train and in val, never in test.

    Elwirehardja et al. 2025, §3.2 and Table 1: test is the official list; of the other images of each class
    floor(0.2 n) are val, sampled by image.

    Args:
        manifest: Images positive for one finding each, with the official split.
        seed: Random seed.

    Raises:
        HilumError: No official test images, or an image with no finding or several.
    """
    classes = finding_columns(manifest)
    labels = manifest.select(
        pl.sum_horizontal(pl.lit(0), *(pl.col(name).eq_missing(1) for name in classes))
    ).to_series()
    if len(manifest) == 0 or (labels != 1).any():
        raise HilumError(
            "split.paper",
            expected="images with exactly one label, as in this study",
            found=f"{(labels != 1).sum():,} of {len(manifest):,} images with another number of them",
            fix="Select the images with exactly_one_of.",
        )
    official = manifest.select("image_id", "patient_id", "split").drop_nulls("split")
    if "test" not in official["split"]:
        raise HilumError("split.paper", expected="official test images", found="none", fix="Add the official lists.")
    check_patients_apart(official, "list 'official'", sharing=(*_SHARING, "train_val"))
    others = manifest.filter(pl.col("split") != "test")
    order = np.asarray(shuffled(seed, image_keys(others["image_id"]), use=Stream.SPLIT_OF_IMAGES))
    held_out: set[str] = set()
    for name in classes:
        drawn = others[order].filter(pl.col(name) == 1)["image_id"]
        held_out.update(drawn.head(floor(len(drawn) * 20 / 100)))
    part = (
        pl.when(pl.col("split") == "test")
        .then(pl.lit("test"))
        .when(pl.col("image_id").is_in(held_out))
        .then(pl.lit("val"))
        .otherwise(pl.lit("train"))
    )
    return Split(f"elwirehardja2025-images-s{seed}", official.with_columns(part.alias("split")), "split", _SHARING)


def _fifth_for_test(manifest: pl.DataFrame, collection: str, validation: int, seed: int) -> Split:
    name = f"tayebiarasteh2024-val{validation}-s{seed}"
    if collection in _WITH_OFFICIAL_TEST:
        return Split(name, listed_split(manifest, "official", validation=validation, seed=seed).assignment, "split")
    if not 0 < validation < 100:
        raise HilumError("split.validation", expected="1 to 99 percent", found=str(validation), fix="Use 10.")
    # Test is sampled first, so that it does not depend on the fraction for validation.
    first = assign_patients(manifest, {"train": 80, "test": 20}, seed)
    training = manifest.filter(first["split"] == "train")
    second = assign_patients(training, {"train": 100 - validation, "val": validation}, seed, use=Stream.VALIDATION)
    return Split(name, _joined(manifest, first.filter(pl.col("split") == "test"), second))


def _fifth_for_validation(manifest: pl.DataFrame, collection: str, seed: int) -> Split:
    name = f"kivotova2021-s{seed}"
    if collection != "chexpert":
        return Split(name, assign_patients(manifest, {"train": 80, "val": 20}, seed))
    official = manifest.drop_nulls("split")
    training, validated = official.filter(pl.col("split") == "train"), official.filter(pl.col("split") == "val")
    if not len(training) or not len(validated):
        raise HilumError(
            "split.paper",
            expected="CheXpert's official training and validation images",
            found=f"{len(training):,} and {len(validated):,}",
            fix="Read both tables, train.csv and valid.csv.",
        )
    check_patients_apart(official, "list 'official'")
    test = validated.select("image_id", "patient_id", pl.lit("test").alias("split"))
    return Split(name, _joined(manifest, test, assign_patients(training, {"train": 80, "val": 20}, seed)), "split")


def _joined(manifest: pl.DataFrame, *parts: pl.DataFrame) -> pl.DataFrame:
    return manifest.select("image_id").join(pl.concat(parts), on="image_id", maintain_order="left")
