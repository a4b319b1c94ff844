"""Command `hilum probe`: linear and nearest-neighbour probes of frozen features."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli import options
from hilum.cli.console import echo, print_json, print_table, progress
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.settings import EvaluationSettings
from hilum.training.settings import TrainingSettings
from hilum.wording import counted

if TYPE_CHECKING:
    from hilum.runs.probing import Probed


def probe(
    encoder: options.FeatureModel,
    data: options.Data,
    out: Annotated[Path, typer.Option(help="Directory to write the tables of metrics, comparisons and collapse to.")],
    split: options.SplitName = "auto",
    split_seed: options.SplitSeed = 0,
    findings: options.FindingNames = None,
    include_training_patients: options.IncludeTrainingPatients = False,
    labels: options.Labels = None,
    allow_missing: options.AllowMissing = False,
    hash_patients: options.HashPatients = None,
    min_positive_patients: options.MinPositives = EvaluationSettings.min_positive_patients,
    n_bootstrap: options.NBootstrap = BootstrapConfig.n_bootstrap,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the random encoders and the bootstrap.")] = 0,
    stores: options.Stores = None,
    workers: options.Workers = None,
    device: options.DeviceName = TrainingSettings.device,
    as_json: options.AsJson = False,
) -> None:
    """Evaluate frozen features by linear and k-NN probes.

    Probes are fitted to the training images of a patient-level split and evaluated on its test images. References: the
    same architecture with random weights, the same with calibrated batch norm, an 8x8 thumbnail, and age, sex and view.
    Confidence intervals are from a bootstrap of patients; differences are paired. Effective rank (RankMe) and feature
    spread detect representation collapse; they do not measure quality.

    \b
    Examples:
      hilum probe runs/simclr --data chestxray14=/data/CXR8 --out probed
      hilum probe dinov2_vits14 --data ours=images --labels images/labels.csv --split patients --out probed --json
    """
    from hilum.runs.probe import TABLES, probe as run

    result = run(
        encoder,
        data,
        out,
        split=split,
        split_seed=split_seed,
        findings=findings,
        include_training_patients=include_training_patients,
        labels=labels,
        allow_missing=allow_missing,
        hash_patients=hash_patients,
        min_positive_patients=min_positive_patients,
        n_bootstrap=n_bootstrap,
        seed=seed,
        stores=stores,
        workers=workers,
        device=device,
        progress=progress,
    )
    if as_json:
        print_json({**result.about, **{name: result.tables[name].to_dicts() for name in TABLES}})
    else:
        _print(result.probed, result.about, out)


def _print(probed: "Probed", about: dict[str, Any], out: Path) -> None:
    import polars as pl

    from hilum.evaluation.metrics import AVERAGES, MACRO, overall_finding
    from hilum.runs.probing import ENCODER, LINEAR, NEIGHBOURS

    counts = about["images"]
    echo(f"{about['architecture']}, {about['method']} · {about['data']}, {about['split']}")
    echo(
        f"probes fitted to {counted(counts['train'])}, penalty chosen on {counts['val']:,}, tested on "
        f"{counts['test']:,}"
    )
    for note in about["notes"]:
        echo(note["text"])
    overall = overall_finding(probed.metrics["finding"].to_list())
    measured = "macro AUROC" if overall == MACRO else f"AUROC for {overall}"
    macro = probed.metrics.filter(pl.col("finding") == overall)
    columns = ("estimate", "ci_low", "ci_high")
    for which, title in ((LINEAR, "Linear probe"), (NEIGHBOURS, "Nearest neighbours")):
        of_probe = macro.filter(pl.col("probe") == which)
        echo()
        note = f" ({of_probe['note'][0]})" if of_probe["note"][0] else ""
        echo(f"{title}, {measured}{note}:")
        gains = probed.comparisons.filter((pl.col("probe") == which) & (pl.col("finding") == overall))
        gain_over = {row["reference"]: row for row in gains.iter_rows(named=True)}
        rows = []
        for row in of_probe.iter_rows(named=True):
            gain = gain_over.get(row["arm"], dict.fromkeys(("difference", "ci_low", "ci_high", "p_adjusted")))
            more = [gain[key] for key in ("difference", "ci_low", "ci_high", "p_adjusted")]
            rows.append([row["arm"], *(row[key] for key in columns), *more])
        print_table(["features", "AUROC", "95 % low", "high", "gain over these", "95 % low ", "high ", "p"], rows)
    of_findings = ~pl.col("finding").is_in(list(AVERAGES))
    own = probed.metrics.filter((pl.col("arm") == ENCODER) & (pl.col("probe") == LINEAR) & of_findings)
    echo()
    estimated = own.filter(pl.col("estimate").is_not_null())
    print_table(
        ["finding, linear probe of this encoder", "AUROC", "95 % low", "high", "positives", "images"],
        [[row[key] for key in ("finding", *columns, "positives", "n")] for row in estimated.iter_rows(named=True)],
    )
    if len(estimated) < len(own):
        echo(
            f"{counted(len(own) - len(estimated), 'finding')} without AUROC: fewer than two positive or "
            "negative patients "
            "(see metrics.csv)"
        )
    echo()
    print_table(
        ["collapse metrics", "features", "effective rank", "spread"],
        [[row["arm"], row["width"], row["effective_rank"], row["feature_spread"]] for row in probed.signs.to_dicts()],
    )
    echo()
    echo(str(out))
