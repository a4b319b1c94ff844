"""Which patients weights were trained on, as far as anybody says, and whether test patients are among them.

Hilum's own runs know every patient (`hilum.encoders.ledger`). Of published weights only what authors state is known:
a collection, at best the published list of images. A statement's certainty is

- stated: the authors name the images, by a published list, or say that they took them all;
- part: the authors used some images of the collection, and which is not known;
- unknown: nobody says anything, and it may be any radiographs of any collection;
- not_stated: the authors name no radiographs, and their images are too many to know (photographs from the web).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import polars as pl
from pydantic import BaseModel, ConfigDict

Certainty = Literal["stated", "part", "unknown", "not_stated"]

SAME_IMAGES: dict[str, tuple[str, ...]] = {
    "rsna_pneumonia": ("chestxray14",),
    "chestxray14": ("rsna_pneumonia",),
    "vinbigdata": ("vindr_cxr",),
    "vindr_cxr": ("vinbigdata",),
}
"""Collections that hold images of another collection under other names (RSNA Pneumonia: Shih et al., Radiology: AI
2019, relabelled images of ChestX-ray14; VinBigData: the Kaggle edition of VinDr-CXR's training images)."""


class Statement(BaseModel):
    """One statement about what weights were trained on.

    Attributes:
        collection: one of `hilum.findings.COLLECTIONS`, or another name for data that Hilum does not read; empty where
            none is named ("unknown" and "not_stated").
        list: column of the collection's manifest that names the images ("split_chexnet"); None where no list does.
        parts: values of that column whose images were seen; empty where there is no list.
        certainty: see above. Without a list, "stated" means all images of the collection.
        source: who says so, and where.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    collection: str = ""
    list: str | None = None
    parts: tuple[str, ...] = ()
    certainty: Certainty
    source: str

    def in_words(self) -> str:
        """As in "chestxray14: split_chexnet train and val"."""
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
    """What weights were trained on of a study's test images.

    Attributes:
        patients: test patients with at least one image that is seen, or may be.
        images: test images that are seen, or may be.
        of_patients, of_images: all test patients and images.
        certainty: "no"; "yes", where a list names the images; "may", where nobody can tell which; "unknown", where
            images have no patient ids by which it could be known, or ids of an issuer that is not known.
        message: one line for people.
        by_part: test images on each part of each list ("split_chexnet train"), where a list names them.
    """

    patients: int
    images: int
    of_patients: int
    of_images: int
    certainty: Literal["no", "unknown", "may", "yes"]
    message: str
    by_part: dict[str, int] = field(default_factory=dict)


def statements_in_words(statements: Iterable[Statement]) -> str:
    """All statements in a line; "no radiographs" where there are none."""
    statements = list(statements)
    texts = [statement.in_words() for statement in statements if statement.certainty in ("stated", "unknown")]
    parts = [statement.collection for statement in statements if statement.certainty == "part"]
    texts += [f"parts, not known which, of {', '.join(parts)}"] if parts else []
    texts += [statement.in_words() for statement in statements if statement.certainty == "not_stated"]
    return "; ".join(dict.fromkeys(texts)) or "no radiographs"


def find_contamination(
    statements: Sequence[Statement], collection: str, manifest: pl.DataFrame, test_ids: Sequence[str]
) -> Contamination:
    """Match what weights are stated to be trained on with a study's test images.

    Args:
        statements: of the weights and of those they started from.
        collection: that the test images are of.
        manifest: `image_id`, `patient_id`, and the columns of the published lists (`split`, `split_<list>`).
        test_ids: `image_id` of the test images, each in the manifest.
    """
    test = manifest.filter(pl.col("image_id").is_in(pl.Series(test_ids, dtype=pl.String).implode()))
    named: dict[str, pl.Expr] = {}
    possible, why = False, []
    for statement in statements:
        if statement.certainty in ("unknown", "not_stated"):
            possible |= statement.certainty == "unknown"
            why.append(statement.in_words())
            continue
        if statement.collection != collection and statement.collection not in SAME_IMAGES.get(collection, ()):
            continue
        why.append(statement.in_words())
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
        return Contamination(patients, images, *of, "yes", message, by_part)
    if possible:
        return Contamination(*of, *of, "may", f"MAY HAVE: which images were seen is not known ({'; '.join(why)})")
    return Contamination(0, 0, *of, "no", f"no ({'; '.join(why)})" if why else "no")
