"""`hilum embed`: what a model's features make of images – an image, numbers, and images like this one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli.console import progress, say, say_json, say_table
from hilum.cli.named_data import (
    AllowMissing,
    AsJson,
    Data,
    DeviceName,
    HashPatients,
    Labels,
    Stores,
    Workers,
    decoded,
    model_directory,
    read_data,
)
from hilum.errors import HilumError

if TYPE_CHECKING:
    from hilum.data.store import Store
    from hilum.explanation.embedding import ChosenImages, Embedded

_METHODS = {"tsne": ("tsne",), "umap": ("umap",), "both": ("tsne", "umap")}
_SHEET = "similar.png"
_LEFT = (
    "features",
    "embedding.parquet",
    "purity.parquet",
    "purity.csv",
    "neighbours.parquet",
    "embed.json",
    _SHEET,
    *(f"embedding-{method}.{kind}" for method in ("tsne", "umap") for kind in ("svg", "png")),
)


def embed(
    model: Annotated[
        str,
        typer.Argument(help="Directory of an encoder or of a classifier; or published weights by name."),
    ],
    data: Data,
    out: Annotated[Path, typer.Option(help="Where to leave features, points, numbers, neighbours and images.")],
    method: Annotated[str, typer.Option(help="tsne, umap or both.")] = "tsne",
    like: Annotated[list[str] | None, typer.Option(metavar="IMAGE_ID", help="Show images like this one.")] = None,
    k: Annotated[int, typer.Option("--k", min=1, max=1000, help="Nearest images, in numbers and tables.")] = 20,
    same_patient: Annotated[
        bool, typer.Option("--same-patient", help="Images like this one may be of the same patient.")
    ] = False,
    images: Annotated[int, typer.Option(min=10, help="Images in the image, by lot where there are more.")] = 10_000,
    split: Annotated[str | None, typer.Option(help="Only images of this published list: train, val, test.")] = None,
    seen: Annotated[
        bool, typer.Option("--seen", help="Also images of patients that the model has learnt from.")
    ] = False,
    labels: Labels = None,
    allow_missing: AllowMissing = False,
    hash_patients: HashPatients = None,
    redraws: Annotated[int, typer.Option(min=100, help="Redraws of patients.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of points, lots and redraws.")] = 0,
    stores: Stores = None,
    workers: Workers = None,
    device: DeviceName = "auto",
    as_json: AsJson = False,
) -> None:
    """Features of images by t-SNE or UMAP, how far classes lie apart, and each image's nearest ones.

    Images are preprocessed as the model's card says. The numbers are of the features themselves, not of the image, and
    look at images of other patients only: neighbour purity beside chance, and silhouette, each with the interval of
    redrawn patients.

    \b
    Examples:
      hilum embed runs/simclr --data chestxray14=/data/CXR8 --split test --out embedded
      hilum embed runs/tiny/arms/simclr/seed-0 --data chestxray14=/data/CXR8 --method both --out embedded
      hilum embed dinov2_vits14 --data ours=images --labels images/labels.csv --like 0042.png --out embedded --json
    """
    from hilum.artifacts import whole_directory
    from hilum.data.replaceable import check_replaceable
    from hilum.explanation.embedding import (
        embed_images,
        features_of,
        images_to_embed,
        load_feature_model,
        recipe_of,
        rows_of,
        write_embedded,
    )
    from hilum.report.figures import write_embedding_figures

    if method not in _METHODS:
        raise HilumError("--method", expected=f"one of {', '.join(_METHODS)}", found=repr(method), fix="Use tsne.")
    check_replaceable(out, _LEFT)
    network, card = load_feature_model(model_directory(model))
    read = read_data(data, labels, allow_missing, hash_patients=hash_patients)
    store = decoded(read, recipe_of(card), stores, out, workers)
    chosen = images_to_embed(read, card, store.image_ids, split=split, keep_seen=seen)
    ids = chosen.manifest["image_id"].to_list()
    rows_of(like or (), ids, "--like")  # before the long work
    with progress("features") as on_progress:
        size = card.image_size
        features = features_of(network, size, store, ids, device=device, on_progress=on_progress)  # type: ignore[arg-type]
    with progress("embedding") as on_progress:
        embedded = embed_images(
            features,
            chosen,
            _METHODS[method],  # type: ignore[arg-type]  # keys are checked above
            k=k,
            most_shown=images,
            redraws=redraws,
            seed=seed,
            same_patient=same_patient,
            on_progress=on_progress,
        )
    about = {
        "model": model,
        "encoder": card.encoder,
        "sha256": card.sha256,
        "data": read.name,
        "images": len(ids),
        "patients": chosen.manifest["patient_id"].n_unique(),
        "seen": chosen.seen,
        "split": split,
        "k": k,
        "redraws": redraws,
        "seed": seed,
    }
    with whole_directory(out) as beside:
        write_embedded(embedded, about, beside)
        write_embedding_figures(embedded.points, embedded.purity, beside)
        if like:
            _write_sheet(like, embedded, chosen, store, beside / _SHEET)
    if as_json:
        neighbours = {image_id: _nearest(embedded, image_id) for image_id in like or ()}
        content: dict[str, Any] = {**about, "notes": embedded.notes, "out": str(out)}
        say_json({**content, "purity": embedded.purity.to_dicts(), "like": neighbours})
    else:
        _say(embedded, about, like or [], out)


def _say(embedded: "Embedded", about: dict[str, Any], like: list[str], out: Path) -> None:
    from hilum.explanation.embedding import TITLES

    say(f"{about['encoder']} · {about['images']:,} images of {about['patients']:,} patients of {about['data']}")
    for note in embedded.notes:
        say(note)
    for grouping in embedded.purity["grouping"].unique(maintain_order=True):
        say()
        rows = [row for row in embedded.purity.iter_rows(named=True) if row["grouping"] == grouping]
        cells = {(row["class"], row["metric"]): row for row in rows}
        say(f"{TITLES[grouping]}, in the feature space:")
        say_table(
            ["class", "images", "patients", "purity", "95 % low", "high", "chance", "silhouette", "low ", "high "],
            [_cells(name, cells) for name in dict.fromkeys(row["class"] for row in rows)],
        )
    if len(embedded.purity):
        say(f"purity: share of the {about['k']} nearest images of other patients that are of the class")
    for image_id in like:
        say()
        say_table(
            [f"like {image_id}", "cosine"],
            [[each["neighbour"], each["cosine"]] for each in _nearest(embedded, image_id)],
        )
    say()
    say(str(out))


def _cells(name: str, cells: dict[tuple[str, str], dict[str, Any]]) -> list[object]:
    purity, silhouette = cells[name, "purity"], cells[name, "silhouette"]
    return [
        name,
        purity["images"],
        purity["patients"],
        *(purity[key] for key in ("estimate", "low", "high", "chance")),
        *(silhouette[key] for key in ("estimate", "low", "high")),
    ]


def _nearest(embedded: "Embedded", image_id: str) -> list[dict[str, Any]]:
    import polars as pl

    rows = embedded.neighbours.filter(pl.col("image_id") == image_id)
    return rows.select("rank", "neighbour", "cosine", "same_patient").to_dicts()


def _write_sheet(like: list[str], embedded: "Embedded", chosen: "ChosenImages", store: "Store", path: Path) -> None:
    from hilum.data.manifest import finding_columns
    from hilum.report.figures import SimilarImages, write_similar_images

    most = 8
    rows = [
        SimilarImages(image_id, [(each["neighbour"], each["cosine"]) for each in _nearest(embedded, image_id)[:most]])
        for image_id in like
    ]
    shown = list(dict.fromkeys([*like, *(name for row in rows for name, _ in row.found)]))
    images = {name: store.pixels[row] for name, row in zip(shown, store.rows(shown), strict=True)}
    findings = finding_columns(chosen.manifest)
    about = {
        row["image_id"]: ", ".join(finding for finding in findings if row[finding] == 1)
        for row in chosen.manifest.iter_rows(named=True)
        if row["image_id"] in images
    }
    write_similar_images(rows, images, about, path)
