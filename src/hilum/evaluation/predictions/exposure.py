"""Whom a model was fitted to, so that it is not judged on them."""

import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from hilum.data.patients import VARIABLE, WITHOUT_ID, canonical_patient_id, salt_file
from hilum.data.tables import read_lines, read_text, split_word
from hilum.encoders.ledger import Ledger
from hilum.errors import HilumError
from hilum.evaluation.predictions.files import read_table

_SHOWN = 3


@dataclass(frozen=True)
class TrainedOn:
    """Patients and images that had a part in a model.

    Attributes:
        name: where this is known from, for messages.
        patients: their ids; `<issuer>:<patient>`, with a pseudonym for the id, where they come from a card.
        images: image ids; may be empty.
    """

    name: str
    patients: frozenset[str]
    images: frozenset[str] = frozenset()

    def problems_of(self, table: pl.DataFrame) -> list[str]:
        """What is wrong with judging these rows: one line each for patients and images that were trained on.

        A patient id without an issuer is compared with the ids of all issuers, for it could be any of them. How ids are
        written does not matter: 00000013, 13 and 13.0 are the same. Where ids and pseudonyms cannot be compared
        without the salt, that is a problem, too.

        Args:
            table: image_id and patient_id as text.
        """
        ledger = Ledger(self.patients)
        trained_on: set[str] = set()
        unclear: dict[str, str] = {}
        pairs = table.select("patient_id", "image_id").drop_nulls("patient_id").unique(maintain_order=True).rows()
        by_issuer = []
        for issuer in ("", *filter(None, ledger.issuers)):
            # of an issuer, an image without a patient id is a patient of its own (`hilum.data.patients.names`)
            names = {
                one: f"{issuer}:{WITHOUT_ID * (one == image)}{one}" if issuer else one
                for one, image in pairs
                if not issuer or ":" not in one
            }
            by_issuer.append(names)
        if "" in ledger.issuers:  # an id without who gave it could be anybody's, on this side too
            by_issuer.append({one: _number(one) for one, _ in pairs})
        for names in by_issuer:
            exposure = ledger.exposure_of(list(names.values()))
            fix = f"set {VARIABLE} to the salt of the model's own patients, or copy it to {salt_file()}"
            why = f"{exposure.why_not_known}   {fix if exposure.apart else 'write the patient ids, or judge others'}"
            for one, known, unknown in zip(names, exposure.trained_on, exposure.not_known, strict=True):
                trained_on |= {one} if known else set()
                unclear |= {one: why} if unknown else {}
        problems = [
            f"patient_id: whether patients are among those of {self.name} is not known: {why}"
            for why in sorted({why for one, why in unclear.items() if one not in trained_on})
        ]
        if trained_on:
            shown = _shown(sorted(trained_on))
            problems.append(
                f"patient_id: {len(trained_on):,} patients are among those trained on, says {self.name} ({shown})   "
                "judge the model on others (or write <collection>:<patient> in both, if these are other people)"
            )
        known = {canonical_patient_id(image_id) for image_id in self.images}
        image_ids = table["image_id"].drop_nulls()
        images = sorted(image_id for image_id in image_ids if canonical_patient_id(image_id) in known)
        if images:
            problems.append(
                f"image_id: {len(images):,} images are among those trained on, says {self.name} ({_shown(images)})   "
                "judge the model on others"
            )
        return problems


def read_trained_on(path: Path) -> TrainedOn:
    """Read whom a model was fitted to.

    Args:
        path: the card.json of a model trained by Hilum (or the directory that holds it); a table, Parquet or CSV, with
            the columns patient_id or image_id or both (with a column `split`, only its rows train, val and train_val);
            or a text file (.txt) with one patient id a line.

    Raises:
        HilumError: none of these, or nobody in it.
    """
    path = Path(path)
    if (path / "card.json").is_file():
        path = path / "card.json"
    patients: list[str] = []
    images: list[str] = []
    if path.suffix == ".json":
        patients = _from_card(path)
    elif path.suffix == ".txt" and path.is_file():
        patients = [line for line in read_lines(path) if line]
    else:
        patients, images = _from_table(read_table(path, what="a card.json, or a table of patients trained on"), path)
    if not patients and not images:
        fix = "Give the card.json of the model, or a table with the column patient_id."
        raise HilumError(path, expected="patients or images that were trained on", found="none", fix=fix)
    return TrainedOn(str(path), frozenset(patients), frozenset(images))


def _from_card(path: Path) -> list[str]:
    try:
        card = json.loads(read_text(path))
        patients = card["patients_seen" if "patients_seen" in card else "training_patients"]
    except (json.JSONDecodeError, KeyError, TypeError, RecursionError) as problem:
        fix = "Give the card.json beside the weights."
        raise HilumError(path, expected="a card with training_patients", found="none", fix=fix) from problem
    if not isinstance(patients, list):
        fix = "Give the card.json beside the weights."
        raise HilumError(path, expected="a list of training_patients", found=type(patients).__name__, fix=fix)
    return [str(patient) for patient in patients]


def _from_table(table: pl.DataFrame, path: Path) -> tuple[list[str], list[str]]:
    if "split" in table.columns:
        splits = table["split"].drop_nulls().unique().sort().to_list()
        unknown = [split for split in splits if split_word(split) is None]
        if unknown:
            found = f"{_shown(unknown)} in the column split"
            fix = "Leave only the rows that were trained on, and no split."
            raise HilumError(path, expected="the splits train, val, test", found=found, fix=fix)
        table = table.filter(pl.col("split").is_in(["train", "val", "train_val"]))
    given = [
        table[column].drop_nulls().unique().sort().to_list() if column in table.columns else []
        for column in ("patient_id", "image_id")
    ]
    return given[0], given[1]


def _number(patient: str) -> str:
    """What a patient is called by whoever gave the number."""
    return patient.partition(":")[2] or patient


def _shown(ids: list[str]) -> str:
    return ", ".join(ids[:_SHOWN]) + (", …" if len(ids) > _SHOWN else "")
