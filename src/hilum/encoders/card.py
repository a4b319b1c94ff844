"""Provenance card of weights: method, settings, and training patients.

Cards are shared with weights, so patient ids are written as pseudonyms (`hilum.encoders.ledger`). Cards of version 1
may contain plain ids; `write_card(read_card(directory), directory)` converts them to the current version.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, model_validator

from hilum.artifacts import write_text
from hilum.data.patients import pseudonymised_names
from hilum.encoders.ledger import Ledger
from hilum.encoders.statements import Statement
from hilum.errors import HilumError, HilumErrors
from hilum.notes import Note, notes_as_data, read_notes
from hilum.renamed import RENAMED_SETTINGS, renamed_value

CARD = "card.json"
VERSION = 3
"""Version of cards: 1 has plain patient ids, 2 pseudonyms, 3 the current field names."""
RENAMED = {"patients_seen": "training_patients", "images_seen": "n_training_images"}
"""Field names of versions 1 and 2, and the current ones."""


class Card(BaseModel):
    """Provenance of weights, stored beside them as `card.json`.

    Attributes:
        encoder: A name of `hilum.encoders.zoo.ENCODERS`.
        method: "simclr", "mocov2", "finetune", ….
        starts_from: "random", or SHA-256 of the initial weights.
        settings: Settings of the method.
        preprocessing: Preprocessing recipe of the training images.
        image_size: Side of the views in px.
        mean, std: One-channel normalisation of gray values in [0, 1].
        seed: Random seed of the run.
        split: Title of the split of the training images.
        training_patients: All patients used for training or selection of the epoch, also in earlier runs: full names
            (`hilum.data.patients.names`), sorted; on disk with pseudonyms.
        n_training_images: Number of distinct training images.
        statements: Provenance claims about published weights that it is or started from.
        findings: Outputs of a classifier, in order; empty for an encoder.
        epoch: Epoch of the weights, from 1; None: not known.
        probe: Digest of images and labels of the online probe; empty without.
        notes: Selection of the epoch and warnings.
        sha256: SHA-256 of the weights, set when they are written.
        hilum_version: Version of Hilum that wrote them.
        version: Version of the card, `VERSION` once written.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoder: str
    method: str
    starts_from: str = "random"
    settings: dict[str, Any]
    preprocessing: list[Any]
    image_size: int
    mean: float
    std: float
    seed: int
    split: str
    training_patients: list[str]
    n_training_images: int
    statements: list[Statement] = []
    findings: list[str] = []
    epoch: int | None = None
    probe: str = ""
    notes: Annotated[list[Note], BeforeValidator(read_notes), PlainSerializer(notes_as_data)] = []
    sha256: str = ""
    hilum_version: str = ""
    version: int = Field(1, ge=1, le=VERSION)

    @model_validator(mode="before")
    @classmethod
    def _with_names_of_today(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        content = {RENAMED.get(name, name): value for name, value in content.items()}
        if isinstance(settings := content.get("settings"), dict):
            content["settings"] = _renamed_settings(settings)
        return content

    @property
    def ledger(self) -> Ledger:
        """Ledger of the training patients."""
        return Ledger(self.training_patients)


def _renamed_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings of any version under their current names; without this, a default would replace an old one."""
    renamed = {RENAMED_SETTINGS.get(name, name): value for name, value in settings.items()}
    renamed = {name: renamed_value(name, value) or value for name, value in renamed.items()}
    if isinstance(options := settings.get("options"), dict):
        renamed["options"] = {RENAMED_SETTINGS.get(name, name): value for name, value in options.items()}
    return renamed


def write_card(card: Card, directory: Path) -> Card:
    """Write `card.json` with pseudonyms for patient ids; return the card as written.

    Raises:
        HilumError: The user's salt for own patients can neither be read nor created.
    """
    card = card.model_copy(
        update={"training_patients": pseudonymised_names(card.training_patients), "version": VERSION}
    )
    write_text(directory / CARD, card.model_dump_json(indent=2) + "\n")
    return card


def read_card(directory: Path) -> Card:
    """Read `card.json`.

    Raises:
        HilumError: The file or a field is missing.
    """
    path = directory / CARD
    if not path.is_file():
        raise HilumError(
            path, expected="the card of the weights", found="no such file", fix="Point to a directory that Hilum wrote."
        )
    try:
        return Card.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}" for each in error.errors()]
        raise HilumErrors(path, problems, fix="take the card that was written with the weights.") from error
