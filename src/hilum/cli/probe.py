"""`hilum probe`: what an encoder's frozen features tell, beside random encoders and shortcuts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli.console import echo, print_json, print_table, progress
from hilum.cli.named_data import (
    AllowMissing,
    AsJson,
    Data,
    DeviceName,
    HashPatients,
    Labels,
    SplitName,
    Stores,
    Workers,
)
from hilum.cli.prediction_options import MinPositives, option_of
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.settings import EvaluationSettings

if TYPE_CHECKING:
    from hilum.runs.probing import Probed


def probe(
    encoder: Annotated[
        str, typer.Argument(help="Directory of an encoder or of a classifier; or published weights by name.")
    ],
    data: Data,
    out: Annotated[Path, typer.Option(help="Directory for metrics, comparisons and signs of collapse as tables.")],
    split: SplitName = "auto",
    split_seed: Annotated[int, typer.Option(min=0, help="Of the split, where patients are drawn.")] = 0,
    findings: Annotated[
        str | None, typer.Option(help="Finding,finding. All of the data set but No Finding when left out.")
    ] = None,
    include_training_patients: Annotated[
        bool,
        typer.Option(
            "--include-training-patients", help="Also score images of patients that the encoder has learnt from."
        ),
    ] = False,
    labels: Labels = None,
    allow_missing: AllowMissing = False,
    hash_patients: HashPatients = None,
    min_positive_patients: MinPositives = EvaluationSettings.min_positive_patients,
    n_bootstrap: Annotated[int, option_of(BootstrapConfig, "n_bootstrap", min=100)] = BootstrapConfig.n_bootstrap,
    seed: Annotated[int, typer.Option(min=0, help="Of the random encoders and the resamples.")] = 0,
    stores: Stores = None,
    workers: Workers = None,
    device: DeviceName = "auto",
    as_json: AsJson = False,
) -> None:
    """Linear and nearest-neighbour probes of frozen features, with differences to encoders that have learnt nothing.

    Probes are fitted to the training images of a split by patients and scored on its test images. Beside the encoder
    stand the same architecture with random weights, the same with its batch norm calibrated, an 8x8 thumbnail, and age,
    sex and view. Intervals are from resampled patients; differences are paired. Effective rank (RankMe) and feature
    spread are signs of collapse, not of quality.

    \b
    Examples:
      hilum probe runs/simclr --data chestxray14=/data/CXR8 --out probed
      hilum probe dinov2_vits14 --data ours=images --labels images/labels.csv --split patients --out probed --json
    """
    from hilum.runs.probe import TABLES
    from hilum.runs.probe import probe as run

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
    echo(f"probes fitted to {counts['train']:,} images, penalty chosen on {counts['val']:,}, {counts['test']:,} scored")
    for note in about["notes"]:
        echo(note)
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
        print_table(["features", "AUROC", "95 % low", "high", "gain over it", "95 % low ", "high ", "p"], rows)
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
            f"{len(own) - len(estimated)} findings left out: fewer than two positive or negative patients (metrics.csv)"
        )
    echo()
    print_table(
        ["signs of collapse, not of quality", "features", "effective rank", "spread"],
        [[row["arm"], row["width"], row["effective_rank"], row["feature_spread"]] for row in probed.signs.to_dicts()],
    )
    echo()
    echo(str(out))
