"""One data set of a study, read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polars as pl

from hilum.data.collections import Dataset
from hilum.data.patients import full_names


@dataclass(frozen=True)
class PreparedData:
    """One data set, read.

    Attributes:
        name: in the study.
        collected: what its collection gave.
        manifest: every image that the study may use, in the task's cohort or not, labelled or not.
        issuer: who gave the patients their numbers.
        labels: its table of labels, of a `folder` that was not ingested.
        parts: of a pool (`hilum.study.pool`), its data sets by name; its images are called PART:ID.
        issuer_known: whether the issuer is known, and not only called by the data set's name.
    """

    name: str
    collected: Dataset
    manifest: pl.DataFrame
    issuer: str
    issuer_known: bool = True
    labels: Path | None = None
    parts: Mapping[str, "PreparedData"] = field(default_factory=dict)

    def patients(self, image_ids: list[str]) -> list[str]:
        """Full names of the patients of images, by which the cards of encoders know them."""
        patient_of = self._patient_of
        return [patient_of[image_id] for image_id in image_ids]

    @cached_property
    def _patient_of(self) -> dict[str, str]:
        if self.parts:
            return {
                f"{name}:{image_id}": person
                for name, part in self.parts.items()
                for image_id, person in part._patient_of.items()
            }
        names = full_names(self.manifest, self.issuer)
        return dict(zip(self.manifest["image_id"].to_list(), names, strict=True))
