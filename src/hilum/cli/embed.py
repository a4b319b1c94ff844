"""Command `hilum embed`: t-SNE and UMAP of features, class separation, nearest neighbours."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli import options
from hilum.cli.console import echo, print_json, print_table, progress
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.training.settings import TrainingSettings
from hilum.wording import images_of_patients

if TYPE_CHECKING:
    from hilum.runs.embed import EmbedResult


def embed(
    model: options.FeatureModel,
    data: options.Data,
    out: Annotated[Path, typer.Option(help="Directory to write features, points, tables and figures to.")],
    method: Annotated[str, typer.Option(help="Embedding: tsne, umap or both.")] = "tsne",
    similar_to: Annotated[
        list[str] | None,
        typer.Option(metavar="IMAGE_ID", help="Show the nearest neighbours of this image. Repeatable."),
    ] = None,
    k: Annotated[int, typer.Option("--k", min=1, max=1000, help="Number of nearest neighbours.")] = 20,
    allow_same_patient: Annotated[
        bool, typer.Option("--allow-same-patient", help="Allow neighbours of the same patient in the lists of images.")
    ] = False,
    max_points: Annotated[
        int, typer.Option(min=10, help="Maximum number of points in the figure; more are drawn at random.")
    ] = 10_000,
    split: options.PublishedPart = None,
    include_training_patients: options.IncludeTrainingPatients = False,
    labels: options.Labels = None,
    allow_missing: options.AllowMissing = False,
    hash_patients: options.HashPatients = None,
    n_bootstrap: options.NBootstrap = BootstrapConfig.n_bootstrap,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the embedding, the samples and the bootstrap.")] = 0,
    stores: options.Stores = None,
    workers: options.Workers = None,
    device: options.DeviceName = TrainingSettings.device,
    as_json: options.AsJson = False,
) -> None:
    """Embed images by t-SNE or UMAP of their features.

    The command also measures class separation and finds nearest neighbours. Images are preprocessed as in the
    model's training. Neighbour purity (with its chance level) and silhouette are computed in feature space, not in the
    plane, between images of different patients, with bootstrap confidence intervals over patients.

    \b
    Examples:
      hilum embed runs/simclr --data chestxray14=/data/CXR8 --split test --out embedded
      hilum embed runs/tiny/arms/simclr/seed-0 --data chestxray14=/data/CXR8 --method both --out embedded
      hilum embed dinov2_vits14 --data ours=images --labels images/labels.csv --similar-to 0042.png \\
        --out embedded --json
    """
    from hilum.runs.embed import embed as run

    result = run(
        model,
        data,
        out,
        method=method,
        similar_to=similar_to or (),
        k=k,
        allow_same_patient=allow_same_patient,
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
        print_json({**result.about, "purity": result.embedded.purity.to_dicts(), "similar_to": neighbours})
    else:
        _print(result, similar_to or [], out)


def _print(result: "EmbedResult", similar_to: list[str], out: Path) -> None:
    from hilum.explanation.embedding import TITLES

    embedded, about = result.embedded, result.about
    echo(f"{about['encoder']} · {images_of_patients(about['images'], about['patients'])} of {about['data']}")
    for note in embedded.notes:
        echo(str(note))
    for grouping in embedded.purity["grouping"].unique(maintain_order=True):
        echo()
        rows = [row for row in embedded.purity.iter_rows(named=True) if row["grouping"] == grouping]
        cells = {(row["class"], row["metric"]): row for row in rows}
        echo(f"{TITLES[grouping]}, in feature space:")
        print_table(
            ["class", "images", "patients", "purity", "95 % low", "high", "chance", "silhouette", "low ", "high "],
            [_cells(name, cells) for name in dict.fromkeys(row["class"] for row in rows)],
        )
    if len(embedded.purity):
        echo(f"purity: fraction of the {about['k']} nearest images of other patients with the same class")
    for image_id in similar_to:
        echo()
        print_table(
            [f"similar to {image_id}", "cosine"],
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
