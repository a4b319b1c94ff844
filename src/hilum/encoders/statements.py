"""Provenance claims: training data of published weights as stated by the authors, and overlap with test images.

For Hilum's own runs, all training patients are known (`hilum.encoders.ledger`). For published weights, only a
collection or at best a published list of images is known. Certainty of a claim:

- stated: the authors name the images by a published list, or used all images of the collection;
- part: the authors used an unknown part of the collection;
- unknown: nothing is stated; any radiographs of any collection are possible;
- not_stated: the authors name no radiographs, but used too many images to exclude them (photographs from the web).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import polars as pl
from pydantic import BaseModel, ConfigDict

from hilum.notes import Code, Note, note

Certainty = Literal["stated", "part", "unknown", "not_stated"]

SAME_IMAGES: dict[str, tuple[str, ...]] = {
    "rsna_pneumonia": ("chestxray14",),
    "chestxray14": ("rsna_pneumonia",),
    "vinbigdata": ("vindr_cxr",),
    "vindr_cxr": ("vinbigdata",),
}
"""Collections that contain images of another collection under other names (RSNA Pneumonia: Shih et al., Radiology: AI
2019, relabelled images of ChestX-ray14; VinBigData: the Kaggle edition of VinDr-CXR's training images)."""


class Statement(BaseModel):
    """One provenance claim about the training data of weights.

    Attributes:
        collection: A name of `hilum.findings.COLLECTIONS`, or another name for data that Hilum cannot read; empty with
            "unknown" and "not_stated".
        list: Manifest column of the published list ("split_chexnet"); None without a list.
        parts: Values of that column of the training images; empty without a list.
        certainty: See above. Without a list, "stated" means all images of the collection.
        source: Source of the claim.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    collection: str = ""
    list: str | None = None
    parts: tuple[str, ...] = ()
    certainty: Certainty
    source: str

    def describe(self) -> str:
        """Describe the claim, as in "chestxray14: split_chexnet train and val"."""
        if self.certainty == "unknown":
            return "not known"
        if self.certainty == "not_stated":
            return "no radiographs named"
        if self.certainty == "part":
            return f"{self.collection}: part of it, not known which"
        if self.list is None:
            return f"{self.collection}: all images"
        return f"{self.collection}: {self.list} {' and '.join(self.parts)}"


@dataclass(frozen=True)
class Contamination:
    """Overlap of the training data of weights with a study's test images (data leakage).

    Attributes:
        patients: Test patients with at least one image that is, or may be, in training.
        images: Test images that are, or may be, in training.
        of_patients, of_images: Number of all test patients and images.
        certainty: "no"; "yes" by a list of images; "may" if the images are not known; "unknown" if images have no
            patient ids or ids of an unknown issuer.
        message: One line for display.
        by_part: Test images in each part of each list ("split_chexnet train").
        note: Note on results on these images, by the statements of authors; None without.
    """

    patients: int
    images: int
    of_patients: int
    of_images: int
    certainty: Literal["no", "unknown", "may", "yes"]
    message: str
    by_part: dict[str, int] = field(default_factory=dict)
    note: Note | None = None


def describe_statements(statements: Iterable[Statement]) -> str:
    """Describe all claims in one line; "no radiographs" without claims."""
    statements = list(statements)
    texts = [statement.describe() for statement in statements if statement.certainty in ("stated", "unknown")]
    parts = [statement.collection for statement in statements if statement.certainty == "part"]
    texts += [f"parts, not known which, of {', '.join(parts)}"] if parts else []
    texts += [statement.describe() for statement in statements if statement.certainty == "not_stated"]
    return "; ".join(dict.fromkeys(texts)) or "no radiographs"


def find_contamination(
    statements: Sequence[Statement], collection: str, manifest: pl.DataFrame, test_ids: Sequence[str]
) -> Contamination:
    """Find test images in the claimed training data of weights.

    Args:
        statements: Claims about the weights and those they started from.
        collection: Collection of the test images.
        manifest: `image_id`, `patient_id`, and the columns of published lists (`split`, `split_<list>`).
        test_ids: `image_id` of the test images, all in the manifest.
    """
    test = manifest.filter(pl.col("image_id").is_in(pl.Series(test_ids, dtype=pl.String).implode()))
    named: dict[str, pl.Expr] = {}
    possible, why = False, []
    for statement in statements:
        if statement.certainty in ("unknown", "not_stated"):
            possible |= statement.certainty == "unknown"
            why.append(statement.describe())
            continue
        if statement.collection != collection and statement.collection not in SAME_IMAGES.get(collection, ()):
            continue
        why.append(statement.describe())
        if statement.collection != collection or statement.certainty == "part":
            possible = True
        elif statement.list is None:
            named["all images"] = pl.lit(True)
        elif statement.list in manifest.columns and manifest[statement.list].null_count() < len(manifest):
            named |= {
                f"{statement.list} {part}": pl.col(statement.list).eq_missing(pl.lit(part)) for part in statement.parts
            }
        else:
            possible = True
            why[-1] += f" (the manifest lacks {statement.list})"
    of = test["patient_id"].n_unique(), len(test)
    trained_on = test.filter(pl.any_horizontal(pl.lit(False), *named.values()))
    if len(trained_on):
        by_part = {part: len(trained_on.filter(expression)) for part, expression in named.items()}
        images, patients = len(trained_on), trained_on["patient_id"].n_unique()
        counted = ", ".join(f"{part} {count:,}" for part, count in by_part.items())
        message = f"YES: {images:,} of {of[1]:,} test images, {patients:,} of {of[0]:,} test patients ({counted})"
        numbers = {"images": images, "of_images": of[1], "patients": patients, "of_patients": of[0]}
        stated = note(Code.TRAINED_ON_STATED, parts=counted, **numbers)
        return Contamination(patients, images, *of, "yes", message, by_part, stated)
    if possible:
        statements_here = "; ".join(why)
        message = f"MAY HAVE: the training images are not known ({statements_here})"
        doubt = note(Code.TRAINED_ON_POSSIBLE, statements=statements_here)
        return Contamination(*of, *of, "may", message, note=doubt)
    return Contamination(0, 0, *of, "no", f"no ({'; '.join(why)})" if why else "no")
