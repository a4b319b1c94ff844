"""What is known of weights: how they came about, and which patients they were trained on.

A card is stored beside weights that people share, so that it names no patient in clear: `write_card` seals the ledger
(`hilum.encoders.ledger`). Cards of version 1, written before that, may hold ids in clear; they are read as they are,
and `write_card(read_card(directory), directory)` makes one of today's version out of them.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hilum.artifacts import write_text
from hilum.data.patients import pseudonymised_names
from hilum.encoders.ledger import Ledger
from hilum.encoders.statements import Statement
from hilum.errors import HilumError, HilumErrors

CARD = "card.json"
VERSION = 3
"""Of cards: 1 names patients in clear, 2 by pseudonyms; 3 has the field names of today."""
RENAMED = {"patients_seen": "training_patients", "images_seen": "n_training_images"}
"""Fields of cards of versions 1 and 2, and their names since."""


class Card(BaseModel):
    """Provenance that travels beside weights, as `card.json`.

    Attributes:
        encoder: one of `hilum.encoders.zoo.ENCODERS`.
        method: "simclr", "mocov2", "finetune", ….
        starts_from: "random", or the SHA-256 of the weights it started from.
        settings: of the method, as given.
        preprocessing: recipe of the images it was trained on.
        image_size: side of the views in px.
        mean, std: one-channel normalisation of gray values in [0, 1].
        seed: of the run.
        split: title of the split whose training images it was trained on.
        training_patients: every patient whose images had a part in the weights, by training or by choosing the best
            epoch, also before this run: full names (`hilum.data.patients.names`), sorted; on disk with pseudonyms for
            ids.
        n_training_images: images in training, each counted once.
        statements: what the authors of published weights, which it is or started from, say that those were trained on.
        findings: what a classifier scores, in order; empty for an encoder.
        epoch: after which these weights were kept, from 1; None where that is not known.
        probe: digest of the images and labels that a run was probed with; empty without.
        notes: how that epoch was chosen, and what gives reason to doubt the run; a sentence each.
        sha256: of the weights; filled in when they are written.
        hilum_version: that wrote them.
        version: of the card, `VERSION` once it is written.
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
    notes: list[str] = []
    sha256: str = ""
    hilum_version: str = ""
    version: int = Field(1, ge=1, le=VERSION)

    @model_validator(mode="before")
    @classmethod
    def _with_names_of_today(cls, content: Any) -> Any:
        return (
            {RENAMED.get(name, name): value for name, value in content.items()}
            if isinstance(content, dict)
            else content
        )

    @property
    def ledger(self) -> Ledger:
        """Which patients the weights were trained on, to be asked."""
        return Ledger(self.training_patients)


def write_card(card: Card, directory: Path) -> Card:
    """Write `card.json`, with pseudonyms for the ids of patients; the card as written.

    Raises:
        HilumError: patients of one's own, and this user's salt can neither be read nor made.
    """
    card = card.model_copy(
        update={"training_patients": pseudonymised_names(card.training_patients), "version": VERSION}
    )
    write_text(directory / CARD, card.model_dump_json(indent=2) + "\n")
    return card


def read_card(directory: Path) -> Card:
    """Read `card.json`.

    Raises:
        HilumError: it is missing, or a field is.
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
