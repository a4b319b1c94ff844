"""`hilum embed`: what a model's features make of images – an image, numbers, and images like this one."""

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
    Stores,
    Workers,
)
from hilum.cli.prediction_options import option_of
from hilum.evaluation.bootstrap.config import BootstrapConfig

if TYPE_CHECKING:
    from hilum.runs.embed import EmbedResult


def embed(
    model: Annotated[
        str,
        typer.Argument(help="Directory of an encoder or of a classifier; or published weights by name."),
    ],
    data: Data,
    out: Annotated[Path, typer.Option(help="Directory for features, points, numbers, neighbours and images.")],
    method: Annotated[str, typer.Option(help="tsne, umap or both.")] = "tsne",
    similar_to: Annotated[list[str] | None, typer.Option(metavar="IMAGE_ID", help="Show images like this one.")] = None,
    k: Annotated[int, typer.Option("--k", min=1, max=1000, help="Nearest images, in numbers and tables.")] = 20,
    same_patient: Annotated[
        bool, typer.Option("--allow-same-patient", help="Images like this one may be of the same patient.")
    ] = False,
    max_points: Annotated[int, typer.Option(min=10, help="Points to draw, at random where there are more.")] = 10_000,
    split: Annotated[str | None, typer.Option(help="Only images of this published list: train, val, test.")] = None,
    include_training_patients: Annotated[
        bool,
        typer.Option("--include-training-patients", help="Also images of patients that the model has learnt from."),
    ] = False,
    labels: Labels = None,
    allow_missing: AllowMissing = False,
    hash_patients: HashPatients = None,
    n_bootstrap: Annotated[int, option_of(BootstrapConfig, "n_bootstrap", min=100)] = BootstrapConfig.n_bootstrap,
    seed: Annotated[int, typer.Option(min=0, help="Of points, lots and resamples.")] = 0,
    stores: Stores = None,
    workers: Workers = None,
    device: DeviceName = "auto",
    as_json: AsJson = False,
) -> None:
    """Features of images by t-SNE or UMAP, how far classes are apart, and each image's nearest ones.

    Images are preprocessed as the model's card says. The numbers are of the features themselves, not of the image, and
    look at images of other patients only: neighbour purity beside chance, and silhouette, each with the interval of
    resampled patients.

    \b
    Examples:
      hilum embed runs/simclr --data chestxray14=/data/CXR8 --split test --out embedded
      hilum embed runs/tiny/arms/simclr/seed-0 --data chestxray14=/data/CXR8 --method both --out embedded
      hilum embed dinov2_vits14 --data ours=images --labels images/labels.csv --similar-to 0042.png --out embedded
      --json
    """
    from hilum.runs.embed import embed as run

    result = run(
        model,
        data,
        out,
        method=method,
        like=similar_to or (),
        k=k,
        same_patient=same_patient,
        max_points=max_points,
        split=split,
        include_training_patients=include_training_patients,
        labels=labels,
        allow_missing=allow_missing,
        hash_patients=hash_patients,
        n_bootstrap=n_bootstrap,
        seed=seed,
        stores=stores,
        workers=workers,
        device=device,
        progress=progress,
    )
    if as_json:
        neighbours = {image_id: result.nearest(image_id).to_dicts() for image_id in similar_to or ()}
        print_json({**result.about, "purity": result.embedded.purity.to_dicts(), "like": neighbours})
    else:
        _print(result, similar_to or [], out)


def _print(result: "EmbedResult", like: list[str], out: Path) -> None:
    from hilum.explanation.embedding import TITLES

    embedded, about = result.embedded, result.about

    echo(f"{about['encoder']} · {about['images']:,} images of {about['patients']:,} patients of {about['data']}")
    for note in embedded.notes:
        echo(note)
    for grouping in embedded.purity["grouping"].unique(maintain_order=True):
        echo()
        rows = [row for row in embedded.purity.iter_rows(named=True) if row["grouping"] == grouping]
        cells = {(row["class"], row["metric"]): row for row in rows}
        echo(f"{TITLES[grouping]}, in the feature space:")
        print_table(
            ["class", "images", "patients", "purity", "95 % low", "high", "chance", "silhouette", "low ", "high "],
            [_cells(name, cells) for name in dict.fromkeys(row["class"] for row in rows)],
        )
    if len(embedded.purity):
        echo(f"purity: share of the {about['k']} nearest images of other patients that are of the class")
    for image_id in like:
        echo()
        print_table(
            [f"like {image_id}", "cosine"],
            [[each["neighbour"], each["cosine"]] for each in result.nearest(image_id).to_dicts()],
        )
    echo()
    echo(str(out))


def _cells(name: str, cells: dict[tuple[str, str], dict[str, Any]]) -> list[object]:
    purity, silhouette = cells[name, "purity"], cells[name, "silhouette"]
    return [
        name,
        purity["images"],
        purity["patients"],
        *(purity[key] for key in ("estimate", "ci_low", "ci_high", "chance")),
        *(silhouette[key] for key in ("estimate", "ci_low", "ci_high")),
    ]
