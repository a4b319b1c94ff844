"""One task on several data sets: every finding known where a set labels it, and NaN where it does not."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.data.label_policy import LabelPolicy
from hilum.data.labels.targets import targets
from hilum.data.manifest import FIXED_COLUMNS, finding_columns, is_labelled, is_patient_known
from hilum.data.patients import patient_names
from hilum.errors import HilumError


def stack_manifests(manifests: Mapping[str, pl.DataFrame], issuers: Mapping[str, str]) -> pl.DataFrame:
    """The images of several data sets in one manifest, to divide patients that may be in more than one of them.

    Args:
        manifests: of each data set, by its name; N images together.
        issuers: who gave each set's patients their numbers (`hilum.data.patients.names.issuer_of`).

    Returns:
        N rows: `image_id` and `study_id` become "name:id"; `patient_id` the patient's full name; `path` "name/path",
        below a folder that holds the sets by name; `labelled` and `patient_known`; then the findings of all, null where
        a set has no such column.
        Lists other than `split` are left out: they belong to their own set.

        Null no longer tells "not labelled by this set" from "not mentioned": take targets from `unified_targets`.
    """
    findings = list(dict.fromkeys(name for manifest in manifests.values() for name in finding_columns(manifest)))
    stacked = pl.concat(
        [
            manifest.select(*FIXED_COLUMNS, *finding_columns(manifest)).with_columns(
                pl.format("{}:{}", pl.lit(name), "image_id").alias("image_id"),
                pl.format("{}:{}", pl.lit(name), "study_id").alias("study_id"),
                pl.format("{}/{}", pl.lit(name), "path").alias("path"),
                pl.Series("patient_id", patient_names(manifest["patient_id"], issuers[name]), dtype=pl.String),
                is_labelled(manifest),
                is_patient_known(manifest),
            )
            for name, manifest in manifests.items()
        ],
        how="diagonal_relaxed",
    )
    return stacked.select(*FIXED_COLUMNS, "labelled", "patient_known", *findings)


def unified_targets(
    manifests: Mapping[str, pl.DataFrame], findings: list[str], policies: Mapping[str, LabelPolicy]
) -> tuple[list[str], NDArray[np.float32]]:
    """Targets of several data sets together, each read by its own label_policy.

    Args:
        manifests: of each data set, by its name.
        findings: canonical names, F of them; each of at least one set.
        policies: of each data set, by its name.

    Returns:
        Ids "name:image_id" of the K images kept, set after set, and their (K, F) targets as `targets` makes them; NaN,
        whatever the policy says of blanks, where a set has no column for a finding. Masked losses and metrics then
        leave these out.

    Raises:
        HilumError: a finding that no set has, or a set that has none of them.
    """
    labelled = {name: [f for f in findings if f in finding_columns(manifest)] for name, manifest in manifests.items()}
    nowhere = [finding for finding in findings if not any(finding in of_set for of_set in labelled.values())]
    if nowhere or not findings:
        raise HilumError(
            "findings",
            expected=f"findings that one of {', '.join(manifests)} labels",
            found=", ".join(nowhere) or "none",
            fix="See `hilum findings`.",
        )
    useless = [name for name, of_set in labelled.items() if not of_set]
    if useless:
        raise HilumError(
            "data sets", expected="sets that label a finding of the task", found=", ".join(useless), fix="Leave it out."
        )
    ids: list[str] = []
    rows = []
    for name, manifest in manifests.items():
        selected, known = targets(manifest, labelled[name], policies[name])
        values = np.full((len(selected), len(findings)), np.nan, dtype=np.float32)
        values[:, [findings.index(finding) for finding in labelled[name]]] = known
        ids += [f"{name}:{image_id}" for image_id in selected]
        rows.append(values)
    return ids, np.concatenate(rows)
