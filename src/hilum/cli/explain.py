"""`hilum explain`: where a classifier looks, and whether that is where the finding is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli.named_data import Data, DeviceName, HashPatients
from hilum.cli.prediction_options import option_of
from hilum.evaluation.bootstrap.config import BootstrapConfig

if TYPE_CHECKING:
    from hilum.explanation.run import Explained


def explain(
    model: Annotated[Path, typer.Argument(help="A directory that fine-tuning wrote, such as arms/ARM/seed-0.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="Directory for explain.html, the maps and their scores.")],
    other: Annotated[Path | None, typer.Option("--compare-with", help="One more model, on the same images.")] = None,
    method: Annotated[
        str, typer.Option(help="gradcam, gradcam++, layercam, occlusion; for transformers also rollout, attention.")
    ] = "gradcam",
    findings: Annotated[
        str | None, typer.Option(help="Finding,finding. All that the models score when left out.")
    ] = None,
    images_per_finding: Annotated[int, typer.Option(min=1, help="Images to show for each finding and rule.")] = 1,
    boxes: Annotated[bool, typer.Option("--boxes/--no-boxes", help="Score maps against the data set's boxes.")] = True,
    candidates: Annotated[int, typer.Option(min=1, help="Images without boxes to choose from, drawn at random.")] = 300,
    split: Annotated[str | None, typer.Option(help="Only images of this published list: train, val, test.")] = None,
    include_training_patients: Annotated[
        bool, typer.Option("--include-training-patients", help="Also images of patients that a model has learnt from.")
    ] = False,
    labels: Annotated[Path | None, typer.Option(help="folder: the CSV with the labels.")] = None,
    allow_missing: Annotated[bool, typer.Option("--allow-missing", help="Go on where files are not here.")] = False,
    hash_patients: HashPatients = None,
    map_threshold: Annotated[
        float, typer.Option(help="Of a map's highest value, from which on it counts as a box.")
    ] = 0.5,
    n_bootstrap: Annotated[int, option_of(BootstrapConfig, "n_bootstrap", min=100)] = BootstrapConfig.n_bootstrap,
    seed: Annotated[int, typer.Option(min=0, help="Of images, random weights and resamples.")] = 0,
    device: DeviceName = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Heat-maps of one or two classifiers, a gallery, and scores against boxes.

    Images are preprocessed as each model's card says. Images of patients that a model has learnt from are left out.
    Where the data set has boxes, maps are scored against them, and compared with a centre prior, a location prior made
    of other patients' boxes, and random weights of the same architecture.

    \b
    Examples:
      hilum explain runs/tiny/arms/simclr/seed-0 --data chestxray14=/data/CXR8 --split test --out explained
      hilum explain arms/vit/seed-0 --compare-with arms/densenet/seed-0 --data ours=images/ --labels labels.csv --out
      explained
      hilum explain arms/vit/seed-0 --data ours=images/ --method rollout --findings Cardiomegaly,Edema --out explained
    """
    from hilum.cli.console import print_json, progress
    from hilum.runs.explain import explain as run

    result = run(
        model,
        data,
        out,
        other=other,
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
        print_json({**result.about, "statistics": _as_data(result.explained), "page": str(result.page)})
    else:
        _print(result.explained, out)


def _as_data(explained: "Explained") -> list[dict[str, Any]]:
    return [] if explained.statistics is None else explained.statistics.to_dicts()


def _print(explained: "Explained", out: Path) -> None:
    import polars as pl

    from hilum.cli.console import echo, print_table
    from hilum.explanation.localisation import ALL_BOXES

    images = len({image_id for image_id, _ in explained.pairs})
    echo(f"{explained.config.method} of {', '.join(each.name for each in explained.models)} · {images:,} images")
    for note in explained.notes:
        echo(note)
    if explained.statistics is not None:
        together = explained.statistics.filter(pl.col("finding") == ALL_BOXES)
        first = together.row(0, named=True)
        echo()
        echo(f"Boxes on {first['images']:,} images and findings of {first['patients']:,} patients, 95 % intervals:")
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
