"""From codes to numbers: the targets that a loss takes."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.data.label_policy import LabelPolicy
from hilum.data.manifest import finding_columns, labelled_images
from hilum.errors import HilumError

UNCERTAIN_CLASS = 2
"""Target of a label that is uncertain, where uncertain is a class of its own."""

_NUMBERS = {"zero": 0.0, "one": 1.0, "ignore": float("nan"), "own_class": float(UNCERTAIN_CLASS), "drop": float("nan")}


def targets(
    manifest: pl.DataFrame, findings: list[str], label_policy: LabelPolicy
) -> tuple[list[str], NDArray[np.float32]]:
    """Targets of some findings, image by image.

    Where uncertain is a class of its own, a finding has three classes – 0 negative, 1 positive, 2 uncertain – and needs
    three logits z0, z1, z2: their softmax is trained with cross-entropy against the target, as an index. The score of
    the finding is the softmax restricted to negative and positive, exp(z1) / (exp(z0) + exp(z1)) = sigmoid(z1 - z0)
    (U-MultiClass of CheXpert, Irvin et al., AAAI 2019, §3.1). For images that are scored see `LabelPolicy.for_scoring`.

    Args:
        manifest: N images.
        findings: canonical names, F of them; columns of the manifest.
        label_policy: what uncertain and not mentioned mean.

    Returns:
        The ids of the K images kept, in the manifest's order, and their (K, F) targets: 0, 1, NaN where a label is
        masked (losses and metrics leave it out), and 2 only where the policy makes uncertain a class of its own.
        Unlabelled images (`hilum.data.manifest`) have no targets and are left out: no policy makes negatives of them.

    Raises:
        HilumError: a finding that the manifest lacks, or that the policy has no rule for.
    """
    require_findings(manifest, findings)
    manifest = drop_uncertain(labelled_images(manifest), findings, label_policy)
    numbers = manifest.select(_number(finding, label_policy) for finding in findings)
    return manifest["image_id"].to_list(), numbers.to_numpy()


def drop_uncertain(manifest: pl.DataFrame, findings: list[str], label_policy: LabelPolicy) -> pl.DataFrame:
    """The images without those that the policy leaves out because a finding is uncertain; codes stay as they are.

    Args:
        manifest: images with findings.
        findings: of the task.
        label_policy: says for which findings an uncertain label leaves the image out.

    Raises:
        HilumError: a finding that the manifest lacks, or that the policy has no rule for.
    """
    dropping = label_policy.dropping(findings)
    if not dropping:
        return manifest
    require_findings(manifest, dropping)
    return manifest.filter(~pl.any_horizontal(pl.col(dropping).eq_missing(-1)))


def is_positive(finding: str, label_policy: LabelPolicy) -> pl.Expr:
    """Whether an image counts as positive for a finding: its code is 1, or uncertain and read as one; never null."""
    code = pl.col(finding)
    certain = code.eq_missing(1)
    return certain | code.eq_missing(-1) if label_policy.uncertain_of(finding) == "one" else certain


def require_findings(
    manifest: pl.DataFrame, findings: list[str], *, where: str = "findings", of: str = "this data set"
) -> None:
    """Refuse findings that a manifest has no column for, and an empty list of them.

    Args:
        manifest: of a data set.
        findings: canonical names.
        where: they were asked for, for the message.
        of: name of the data set, for the message.

    Raises:
        HilumError: names what is missing and what there is.
    """
    here = finding_columns(manifest)
    missing = [name for name in findings if name not in here]
    if missing or not findings:
        raise HilumError(
            where,
            expected=f"findings of {of} ({', '.join(here) or 'it has none'})",
            found=", ".join(missing) or "none",
            fix="Name findings that the data set has, or add a column of labels.",
        )


def _number(finding: str, label_policy: LabelPolicy) -> pl.Expr:
    code = pl.col(finding).cast(pl.Float32)
    uncertain = pl.lit(_NUMBERS[label_policy.uncertain_of(finding)], dtype=pl.Float32)
    blank = pl.lit(_NUMBERS[label_policy.not_mentioned_of(finding)], dtype=pl.Float32)
    return pl.when(code == -1).then(uncertain).otherwise(code).fill_null(blank).alias(finding)
