"""Command `hilum explain`: heat maps of classifiers, and their localisation scores."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli import options
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.training.settings import TrainingSettings
from hilum.wording import counted

if TYPE_CHECKING:
    from hilum.explanation.run import Explained


def explain(
    model: Annotated[Path, typer.Argument(help="Directory of a classifier, such as arms/ARM/seed-0 of a study.")],
    data: options.Data,
    out: Annotated[Path, typer.Option(help="Directory to write explain.html, the heat maps and their scores to.")],
    compare_with: Annotated[Path | None, typer.Option(help="Second classifier, explained on the same images.")] = None,
    method: Annotated[
        str,
        typer.Option(
            help="Heat map method: gradcam, gradcam++, layercam, occlusion; for transformers also rollout, attention."
        ),
    ] = "gradcam",
    findings: Annotated[
        str | None, typer.Option(help="Comma-separated findings. Default: all that the classifiers score.")
    ] = None,
    images_per_finding: Annotated[
        int, typer.Option(min=1, help="Images to show for each finding and selection rule.")
    ] = 1,
    boxes: Annotated[
        bool, typer.Option("--boxes/--no-boxes", help="Score the heat maps against the boxes of the data set, if any.")
    ] = True,
    candidates: Annotated[
        int, typer.Option(min=1, help="Number of images without boxes, drawn at random, to select from.")
    ] = 300,
    split: options.PublishedPart = None,
    include_training_patients: options.IncludeTrainingPatients = False,
    labels: options.Labels = None,
    allow_missing: options.AllowMissing = False,
    hash_patients: options.HashPatients = None,
    map_threshold: Annotated[
        float,
        typer.Option(help="Fraction of a heat map's maximum above which pixels form a box: above 0, at most 1."),
    ] = 0.5,
    n_bootstrap: options.NBootstrap = BootstrapConfig.n_bootstrap,
    seed: Annotated[
        int, typer.Option(min=0, help="Random seed of the images, the random weights and the bootstrap.")
    ] = 0,
    device: options.DeviceName = TrainingSettings.device,
    as_json: options.AsJson = False,
) -> None:
    """Compute heat maps and their localisation scores.

    The page shows heat maps of one or two classifiers. Images are preprocessed as in each model's training; images of
    training patients are excluded. If the data set has boxes, the maps are scored against them and compared with a
    centre prior, a location prior (boxes of other patients) and random weights of the same architecture.

    \b
    Examples:
      hilum explain runs/tiny/arms/simclr/seed-0 --data chestxray14=/data/CXR8 --split test --out explained
      hilum explain arms/vit/seed-0 --compare-with arms/densenet/seed-0 --data ours=images/ --labels labels.csv \\
        --out explained
      hilum explain arms/vit/seed-0 --data ours=images/ --method rollout --findings Cardiomegaly,Edema --out explained
    """
    from hilum.cli.console import print_json, progress
    from hilum.runs.explain import explain as run

    result = run(
        model,
        data,
        out,
        compare_with=compare_with,
        method=method,
        findings=findings,
        images_per_finding=images_per_finding,
        boxes=boxes,
        candidates=candidates,
        split=split,
        include_training_patients=include_training_patients,
        labels=labels,
        allow_missing=allow_missing,
        hash_patients=hash_patients,
        map_threshold=map_threshold,
        n_bootstrap=n_bootstrap,
        seed=seed,
        device=device,
        progress=progress,
    )
    if as_json:
        statistics = result.explained.statistics
        rows = [] if statistics is None else statistics.to_dicts()
        print_json({**result.about, "statistics": rows, "page": str(result.page)})
    else:
        _print(result.explained, out)


def _print(explained: "Explained", out: Path) -> None:
    import polars as pl

    from hilum.cli.console import echo, print_table
    from hilum.explanation.localisation import ALL_BOXES

    images = len({image_id for image_id, _ in explained.pairs})
    echo(f"{explained.config.method} of {', '.join(each.name for each in explained.models)} · {counted(images)}")
    for note in explained.notes:
        echo(str(note))
    if explained.statistics is not None:
        together = explained.statistics.filter(pl.col("finding") == ALL_BOXES)
        first = together.row(0, named=True)
        echo()
        echo(
            f"Boxes of {counted(first['images'])} and findings, {counted(first['patients'], 'patient')}; 95 % "
            "intervals:"
        )
        if first["note"]:
            echo(first["note"])
        echo()
        for paired, columns in ((False, ["maps"]), (True, ["maps", "reference"])):
            rows = together.filter(pl.col("reference").is_not_null() == paired)
            keys = ["arm", "reference"][: len(columns)]
            print_table(
                [*columns, "score", "difference" if paired else "estimate", "95 % low", "high", *(["p"] * paired)],
                [
                    [row[key] for key in (*keys, "metric", "estimate", "ci_low", "ci_high", *(["p"] * paired))]
                    for row in rows.filter(pl.col("metric").is_in(_PRINTED)).iter_rows(named=True)
                ],
            )
            echo()
    echo(str(out / "explain.html"))


_PRINTED = ("pointing", "energy", "overlap")
