"""A data set of a study, read from its tables."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polars as pl

from hilum.data.collections import Dataset
from hilum.data.patients import full_names


def pooled_id(part: str, image_id: str) -> str:
    """Return the id of an image in a pool: PART:ID."""
    return f"{part}:{image_id}"


def split_pooled_id(image_id: str) -> tuple[str, str]:
    """Return the part of a pool and the part's own id of an image, from PART:ID."""
    part, _, own = image_id.partition(":")
    return part, own


@dataclass(frozen=True)
class PreparedData:
    """A data set of a study.

    Attributes:
        name: Name in the study.
        dataset: Tables as read by its collection.
        manifest: All images that the study may use, labelled or not.
        issuer: Issuer of the patient ids.
        labels: Label table of a `folder` that was not ingested; None otherwise.
        parts: Data sets of a pool by name (`hilum.study.pool`); see `pooled_id`.
        issuer_known: Whether the issuer is known, and not only the name of the data set.
    """

    name: str
    dataset: Dataset
    manifest: pl.DataFrame
    issuer: str
    issuer_known: bool = True
    labels: Path | None = None
    parts: Mapping[str, "PreparedData"] = field(default_factory=dict)

    def patients(self, image_ids: list[str]) -> list[str]:
        """Return the full names of the patients of images, as in cards of encoders."""
        patient_of = self._patient_of
        return [patient_of[image_id] for image_id in image_ids]

    @cached_property
    def _patient_of(self) -> dict[str, str]:
        if self.parts:
            return {
                pooled_id(name, image_id): person
                for name, part in self.parts.items()
                for image_id, person in part._patient_of.items()
            }
        names = full_names(self.manifest, self.issuer)
        return dict(zip(self.manifest["image_id"].to_list(), names, strict=True))
