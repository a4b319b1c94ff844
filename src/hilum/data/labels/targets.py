"""Targets for a loss, from label codes."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.data.label_policy import LabelPolicy
from hilum.data.manifest import finding_columns, labelled_images
from hilum.errors import HilumError

UNCERTAIN_CLASS = 2
"""Target of an uncertain label with `uncertain: own_class`."""

_NUMBERS = {"zero": 0.0, "one": 1.0, "ignore": float("nan"), "own_class": float(UNCERTAIN_CLASS), "drop": float("nan")}


def targets(
    manifest: pl.DataFrame, findings: list[str], label_policy: LabelPolicy
) -> tuple[list[str], NDArray[np.float32]]:
    """Convert the codes of some findings into targets.

    With `own_class` a finding has three classes – 0 negative, 1 positive, 2 uncertain – and needs three logits z0, z1,
    z2, trained with softmax cross-entropy against the target as an index. The score of the finding is the softmax
    restricted to negative and positive, exp(z1) / (exp(z0) + exp(z1)) = sigmoid(z1 - z0) (U-MultiClass of CheXpert,
    Irvin et al., AAAI 2019, §3.1). For evaluated images see `LabelPolicy.for_scoring`.

    Args:
        manifest: N images.
        findings: Canonical names, F of them; columns of the manifest.
        label_policy: Label policy.

    Returns:
        Ids of the K kept images, in the manifest's order, and their (K, F) targets: 0, 1, NaN for a masked label
        (losses and metrics ignore it), and 2 only for a policy with `own_class`. Unlabelled images
        (`hilum.data.manifest`) have no targets and are excluded.

    Raises:
        HilumError: A finding that the manifest lacks, or without a rule in the policy.
    """
    require_findings(manifest, findings)
    manifest = drop_uncertain(labelled_images(manifest), findings, label_policy)
    numbers = manifest.select(_number(finding, label_policy) for finding in findings)
    return manifest["image_id"].to_list(), numbers.to_numpy()


def drop_uncertain(manifest: pl.DataFrame, findings: list[str], label_policy: LabelPolicy) -> pl.DataFrame:
    """Exclude images with uncertain labels that the policy drops; codes are unchanged.

    Args:
        manifest: Images with findings.
        findings: Findings of the task.
        label_policy: Label policy.

    Raises:
        HilumError: A finding that the manifest lacks, or without a rule in the policy.
    """
    dropping = label_policy.dropping(findings)
    if not dropping:
        return manifest
    require_findings(manifest, dropping)
    return manifest.filter(~pl.any_horizontal(pl.col(dropping).eq_missing(-1)))


def is_positive(finding: str, label_policy: LabelPolicy) -> pl.Expr:
    """Return an expression, true for code 1, or uncertain if the policy maps it to one; never null."""
    code = pl.col(finding)
    certain = code.eq_missing(1)
    return certain | code.eq_missing(-1) if label_policy.uncertain_of(finding) == "one" else certain


def require_findings(
    manifest: pl.DataFrame, findings: list[str], *, where: str = "findings", of: str = "this data set"
) -> None:
    """Refuse findings without a column in the manifest, and an empty list of findings.

    Args:
        manifest: Manifest of a data set.
        findings: Canonical names.
        where: Place for the message.
        of: Name of the data set for the message.

    Raises:
        HilumError: With missing and available findings.
    """
    here = finding_columns(manifest)
    missing = [name for name in findings if name not in here]
    if missing or not findings:
        raise HilumError(
            where,
            expected=f"findings of {of} ({', '.join(here) or 'it has none'})",
            found=", ".join(missing) or "none",
            fix="Use findings of the data set, or add a column of labels.",
        )


def _number(finding: str, label_policy: LabelPolicy) -> pl.Expr:
    code = pl.col(finding).cast(pl.Float32)
    uncertain = pl.lit(_NUMBERS[label_policy.uncertain_of(finding)], dtype=pl.Float32)
    blank = pl.lit(_NUMBERS[label_policy.not_mentioned_of(finding)], dtype=pl.Float32)
    return pl.when(code == -1).then(uncertain).otherwise(code).fill_null(blank).alias(finding)
