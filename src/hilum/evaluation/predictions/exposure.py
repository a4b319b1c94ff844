"""Training patients and images of a model, which are refused in its evaluation (data leakage)."""

import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from pydantic import TypeAdapter, ValidationError

from hilum.data.patients import VARIABLE, WITHOUT_ID, canonical_patient_id, salt_file
from hilum.data.tables import read_lines, read_text, split_word
from hilum.encoders.ledger import Ledger
from hilum.encoders.statements import Statement, describe_statements
from hilum.errors import HilumError
from hilum.evaluation.predictions.checks import first_few
from hilum.evaluation.predictions.files import read_table
from hilum.notes import Code, Note, note
from hilum.wording import counted


@dataclass(frozen=True)
class TrainedOn:
    """Patients and images a model was trained on.

    Attributes:
        name: Source, for messages.
        patients: Patient ids; `<issuer>:<pseudonym>` from a card.
        images: Image ids; may be empty.
        statements: Claims of authors about weights that the model started from, from a card.
    """

    name: str
    patients: frozenset[str]
    images: frozenset[str] = frozenset()
    statements: tuple[Statement, ...] = ()

    @property
    def notes(self) -> list[Note]:
        """Note on claims of authors, which cannot be compared with a table that names no data set."""
        if not any(each.certainty != "not_stated" for each in self.statements):
            return []
        stated = describe_statements(self.statements)
        return [note(Code.STATEMENTS_NOT_COMPARED, model=self.name, statements=stated)]

    def problems_of(self, table: pl.DataFrame) -> list[str]:
        """Return problems of evaluating these rows: a line each for patients and images that were trained on.

        A patient id without an issuer is compared with the ids of all issuers. Ids are compared in canonical spelling:
        00000013, 13 and 13.0 are equal. Ids and pseudonyms that cannot be compared without the salt are a problem as
        well.

        Args:
            table: image_id and patient_id as text.
        """
        ledger = Ledger(self.patients)
        trained_on: set[str] = set()
        unclear: dict[str, str] = {}
        pairs = table.select("patient_id", "image_id").drop_nulls("patient_id").unique(maintain_order=True).rows()
        by_issuer = []
        for issuer in ("", *filter(None, ledger.issuers)):
            # with an issuer, an image without a patient id is its own patient (`hilum.data.patients.names`)
            names = {
                one: f"{issuer}:{WITHOUT_ID * (one == image)}{one}" if issuer else one
                for one, image in pairs
                if not issuer or ":" not in one
            }
            by_issuer.append(names)
        if "" in ledger.issuers:  # an id without an issuer could be of any issuer, here as well
            by_issuer.append({one: _number(one) for one, _ in pairs})
        for names in by_issuer:
            exposure = ledger.exposure_of(list(names.values()))
            fix = f"set {VARIABLE} to the salt of the model's own patients, or copy it to {salt_file()}"
            fix = fix if exposure.apart else "add the patient ids, or evaluate other images"
            why = f"{exposure.why_not_known}   {fix}"
            for one, known, unknown in zip(names, exposure.trained_on, exposure.not_known, strict=True):
                trained_on |= {one} if known else set()
                unclear |= {one: why} if unknown else {}
        problems = [
            f"patient_id: it is not known whether patients are training patients of {self.name}: {why}"
            for why in sorted({why for one, why in unclear.items() if one not in trained_on})
        ]
        if trained_on:
            problems.append(
                f"patient_id: {counted(len(trained_on), 'training patient')} of {self.name} "
                f"({first_few(sorted(trained_on))})   evaluate other patients "
                "(or write <collection>:<patient> in both, if these are different people)"
            )
        known = {canonical_patient_id(image_id) for image_id in self.images}
        image_ids = table["image_id"].drop_nulls()
        images = sorted(image_id for image_id in image_ids if canonical_patient_id(image_id) in known)
        if images:
            problems.append(
                f"image_id: {counted(len(images), 'training image')} of {self.name} "
                f"({first_few(images)})   evaluate other images"
            )
        return problems


def read_trained_on(path: Path) -> TrainedOn:
    """Read the training patients and images of a model.

    Args:
        path: The card.json of a model trained by Hilum (or its directory); a table, Parquet or CSV, with the columns
            patient_id or image_id or both (of a column `split` only the rows train, val and train_val are used); or a
            text file (.txt) with one patient id a line.

    Raises:
        HilumError: None of these, or no patients in it.
    """
    path = Path(path)
    if (path / "card.json").is_file():
        path = path / "card.json"
    patients: list[str] = []
    images: list[str] = []
    statements: list[Statement] = []
    if path.suffix == ".json":
        patients, statements = _from_card(path)
    elif path.suffix == ".txt" and path.is_file():
        patients = [line for line in read_lines(path) if line]
    else:
        patients, images = _from_table(read_table(path, what="a card.json, or a table of patients trained on"), path)
    if not patients and not images:
        fix = "Give the card.json of the model, or a table with the column patient_id."
        raise HilumError(path, expected="patients or images that were trained on", found="none", fix=fix)
    return TrainedOn(str(path), frozenset(patients), frozenset(images), tuple(statements))


def _from_card(path: Path) -> tuple[list[str], list[Statement]]:
    try:
        card = json.loads(read_text(path))
        patients = card["patients_seen" if "patients_seen" in card else "training_patients"]
    except (json.JSONDecodeError, KeyError, TypeError, RecursionError) as problem:
        fix = "Give the card.json beside the weights."
        raise HilumError(path, expected="a card with training_patients", found="none", fix=fix) from problem
    if not isinstance(patients, list):
        fix = "Give the card.json beside the weights."
        raise HilumError(path, expected="a list of training_patients", found=type(patients).__name__, fix=fix)
    try:
        statements = TypeAdapter(list[Statement]).validate_python(card.get("statements", []))
    except ValidationError as problem:
        fix, found = "Give the card.json beside the weights.", str(problem.errors()[0]["msg"])
        raise HilumError(path, expected="statements of authors", found=found, fix=fix) from problem
    return [str(patient) for patient in patients], statements


def _from_table(table: pl.DataFrame, path: Path) -> tuple[list[str], list[str]]:
    if "split" in table.columns:
        splits = table["split"].drop_nulls().unique().sort().to_list()
        unknown = [split for split in splits if split_word(split) is None]
        if unknown:
            found = f"{first_few(unknown)} in the column split"
            fix = "Keep only the rows that were trained on, and drop the column split."
            raise HilumError(path, expected="the splits train, val, test", found=found, fix=fix)
        table = table.filter(pl.col("split").is_in(["train", "val", "train_val"]))
    given = [
        table[column].drop_nulls().unique().sort().to_list() if column in table.columns else []
        for column in ("patient_id", "image_id")
    ]
    return given[0], given[1]


def _number(patient: str) -> str:
    """Return a patient id without its issuer."""
    return patient.partition(":")[2] or patient
